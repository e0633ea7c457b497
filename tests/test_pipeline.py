"""Options for Beam: nothing is packed for workers that there are not, and other runners get what TFX gives them."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from tfx.utils import dependency_utils

from tfx_pipeline.pipeline import EMBEDDED_BEAM, beam_options


@pytest.mark.parametrize("given", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]])
def test_the_embedded_runner_packs_no_sources(given: list[str]) -> None:
    options = beam_options(given)
    assert dependency_utils.make_beam_dependency_flags(options) == options
    assert options[-len(given) :] == given or not given


@pytest.mark.parametrize("given", [["--runner=FlinkRunner"], ["--runner", "FlinkRunner", "--a=1"]])
def test_another_runner_gets_the_options_that_it_always_had(given: list[str]) -> None:
    options = beam_options(given)
    assert options == [*EMBEDDED_BEAM, *given]
    assert PipelineOptions(options).view_as(StandardOptions).runner == "FlinkRunner"
