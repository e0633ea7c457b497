"""Which loss a step survives on which version of Kubeflow Pipelines: the rows of the table in docs/kubeflow.md."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.package import Package
from tests.kubeflow.replay.test_double import TWICE, step, write_package
from tfx_pipeline.kubeflow.entrypoint import COMMAND
from tfx_pipeline.kubeflow.step.stage import Member
from tfx_pipeline.kubeflow.step.supervisor import WAITS

ARGS = [
    "--executor_class_path", "tests.kubeflow.replay.flaky.Executor",
    "--json_serialized_invocation_args", "{{$}}",
    "--json_serialized_inputs_spec_args", json.dumps({"parameters": {"message": {"parameterType": "STRING"}}}),
]  # fmt: skip

pytestmark = pytest.mark.e2e


def run(tmp_path: Path, version: str, failure: str) -> tuple[Backend, Run]:
    """Runs a step by the container's own command, with the server's retries and the pod's."""
    container = {"command": list(COMMAND), "args": ARGS, "env": [{"name": WAITS, "value": "0 0"}]}
    flaky = step("", container=container, retryPolicy=TWICE)
    backend = Backend(tmp_path / "cluster", {}, version=version)
    return backend, backend.run(Package(write_package(tmp_path / "p.yaml", flaky=flaky)), {"message": failure})


@pytest.mark.parametrize(("failure", "version"), [("SIGKILL", "2.17"), ("OSError", "2.16")])
def test_a_crash_and_a_passing_error_are_survived_in_the_pod(failure: str, version: str, tmp_path: Path) -> None:
    backend, done = run(tmp_path, version, failure)
    (log,) = done.logs["flaky"]
    assert done.states == {"flaky": "succeeded"}, log
    assert "attempt 1 finds []" in log
    assert "attempt 2 finds []" in log
    assert log.count("checkpoints: checkpoints") == 2
    assert backend.files(done, "flaky", "out") == {"whole"}


@pytest.mark.parametrize(("failure", "version", "pods"), [("UserError", "2.17", 1), ("ValueError", "2.16", 3)])
def test_an_error_that_stays_is_final_in_the_pod(failure: str, version: str, pods: int, tmp_path: Path) -> None:
    _, done = run(tmp_path, version, failure)
    assert done.states == {"flaky": "failed"}
    assert len(done.logs["flaky"]) == pods
    assert not any("attempt 2" in log for log in done.logs["flaky"])


def test_a_member_that_is_killed_is_named_and_repeated_alone(tmp_path: Path) -> None:
    members = [
        Member(
            name=name,
            executor_class_path=path,
            inputs_spec={"parameters": {"message": {"parameterType": "STRING"}}},
            options=[],
            inputs={},
            made={},
            outputs={"out": "out"} if name == "flaky" else {},
            parameters={"message": "message"},
            last=False,
        )
        for name, path in (("first", "tests.kubeflow.replay.flaky.Before"), ("flaky", ARGS[1]))
    ]
    described = json.dumps([dataclasses.asdict(member) for member in members])
    arguments = ["--members", described, "--json_serialized_invocation_args", "{{$}}"]
    container = {"command": list(COMMAND), "args": arguments, "env": [{"name": WAITS, "value": "0 0"}]}
    backend = Backend(tmp_path / "cluster", {})
    package = Package(write_package(tmp_path / "p.yaml", stage=step("", container=container)))
    done = backend.run(package, {"message": "SIGKILL"})
    (log,) = done.logs["stage"]
    assert done.states == {"stage": "succeeded"}, log
    assert "flaky was ended by SIGKILL; it is tried again in 0 s" in log
    assert log.count("before runs") == 1
    assert "first is done already" in log
    assert "attempt 2 finds []" in log
    assert backend.files(done, "stage", "out") == {"whole"}
