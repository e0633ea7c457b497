"""Options for Beam: nothing is packed for workers that there are not, and other runners get what TFX gives them."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from tfx.utils import dependency_utils

from tfx_pipeline.components.beam_options import EMBEDDED_BEAM, beam_options
from tfx_pipeline.process.errors import UserError


@pytest.mark.parametrize("given", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]])
def test_the_embedded_runner_packs_no_sources(given: list[str]) -> None:
    options = beam_options(given)
    assert dependency_utils.make_beam_dependency_flags(options) == options
    assert options[-len(given) :] == given or not given


@pytest.mark.parametrize("given", [["--runner=FlinkRunner"], ["--runner", "FlinkRunner", "--parallelism=2"]])
def test_another_runner_gets_the_options_that_it_always_had(given: list[str]) -> None:
    options = beam_options(given)
    assert options == [*EMBEDDED_BEAM, *given]
    assert PipelineOptions(options).view_as(StandardOptions).runner == "FlinkRunner"


def test_an_option_that_only_another_runners_server_knows_is_passed_on() -> None:
    given = ["--runner=PortableRunner", "--job_endpoint=localhost:8099", "--shutdownSourcesAfterIdleMs=10"]
    assert beam_options(given)[-3:] == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--runner=FlinkRunner", "--flink_mastr=x"],
            "--beam-args --flink_mastr: Apache Beam has no such option, did ",
        ),
        (["--nonsense=1"], "--beam-args --nonsense: Apache Beam has no such option, leave it out"),
        (["--direct_num_workers=two"], "argument --direct_num_workers: invalid int value: 'two'; expected options"),
        (["--runner=DirectRunner", "--help"], "--beam-args --runner=DirectRunner --help: asks for help; expected "),
    ],
)
def test_what_beam_does_not_take_is_one_line(given: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        beam_options(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
