"""Options for Beam: nothing is packed for workers that there are not, and other runners get what TFX gives them."""

import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from tfx.utils import dependency_utils

from tfx_pipeline.beam import options
from tfx_pipeline.beam.options import EMBEDDED_BEAM, beam_options, require_runner, workers_of
from tfx_pipeline.process import host_paths
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
        (["--runner=FlinkRunner", "--runner=SparkRunner"], "names 2 runners, expected one"),
        (["--runner=Flinkrunr"], "--beam-args --runner=Flinkrunr: Apache Beam has no such runner, did you mean FlinkR"),
        (["--runner=os.path.join"], "--beam-args --runner=os.path.join: Apache Beam has no such runner"),
        (
            ["--runner=nowhere.Runner"],
            "--runner=nowhere.Runner: is not installed here: No module named 'nowhere'; ",
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


@pytest.mark.parametrize("option", ["--temp_location=/opt/x", "--flink_conf_dir=/etc/flink", "--temp_location=~/x"])
def test_a_path_that_the_container_does_not_see_is_refused(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(host_paths.FOLDERS, str(tmp_path))
    monkeypatch.setenv(host_paths.HOME, "/home/me")
    name, _, path = option.partition("=")
    with pytest.raises(UserError, match=rf"^--beam-args {name} {path.replace('~', '/home/me')}: the container "):
        require_runner([option])
    # A package names places of the cluster.
    assert beam_options(["--runner=FlinkRunner", option])[-1] == option.replace("~", "/home/me")
    require_runner([f"--temp_location={tmp_path}/x"])


def test_home_is_replaced_in_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = ["--temp_location=~/x", "--artifacts_dir", "~/y"]
    assert beam_options(given)[-3:] == ["--temp_location=/home/me/x", "--artifacts_dir", "/home/me/y"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--runner=PortableRunner"], "--beam-args --runner=PortableRunner: needs the address of a job server; add "),
        (["--runner=DataflowRunner", "--region=r"], "--runner=DataflowRunner: expected --project, --temp_location as "),
        (
            ["--runner=SparkRunner", "--job_server_java_launcher=no-java"],
            "would start a job server with no-java, which",
        ),
        (["--runner=flink", "--job_server_java_launcher=no-java"], "would start a job server with no-java, "),
    ],
)
def test_a_runner_that_lacks_something_is_refused_before_anything_runs(given: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        require_runner(given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("runner", ["PortableRunner", "FlinkRunner", "spark"])
def test_a_job_endpoint_that_nobody_serves_is_refused_in_time(runner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "_PATIENCE_SECONDS", 0.2)
    begin = time.monotonic()
    with pytest.raises(UserError, match=r"^--beam-args --job_endpoint=127\.0\.0\.1:1: no job server of Apache Beam"):
        require_runner([f"--runner={runner}", "--job_endpoint=127.0.0.1:1"])
    assert time.monotonic() - begin < 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "own"),
        (["--runner=DirectRunner"], "own"),
        (["--runner=FlinkRunner"], "own"),
        (["--runner=FlinkRunner", "--flink_master=[local]"], "own"),
        (["--runner=FlinkRunner", "--flink_master=flink:8081"], "remote"),
        (["--runner=PortableRunner", "--job_endpoint=jobs:8099", "--environment_type=LOOPBACK"], "own"),
        (["--runner=PortableRunner", "--job_endpoint=jobs:8099", "--environment_type=EXTERNAL"], "remote"),
        (["--runner=apache_beam.runners.portability.spark_runner.SparkRunner", "--job_endpoint=jobs:8099"], "remote"),
        (["--runner=DataflowRunner", "--project=p"], "dataflow"),
    ],
)
def test_the_workers_of_a_runner_are_the_steps_own_or_others(given: list[str], expected: str) -> None:
    assert workers_of(given) == expected


def test_a_job_endpoint_that_is_served_is_taken() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    require_runner(["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{port}"])
    server.stop(None)


def test_what_needs_no_server_is_taken() -> None:
    require_runner([])
    require_runner(["--runner=PortableRunner", "--job_endpoint=embed"])
    require_runner(list(EMBEDDED_BEAM))
