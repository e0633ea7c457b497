"""What a person sees of a run that is followed, with a real server's answers."""

from collections.abc import Iterator

import pytest

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.conftest import Documents
from tests.kubeflow.recorded import node_id, recorded, workflow
from tfx_pipeline.kubeflow.client import watch
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.server import Server

NAME = "fashion-mnist-x"
NO_CORES = "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
POD = node_id(NAME, f"{NAME}(0).root(0).trainer(0).executor(0)").replace(NAME, f"{NAME}-system-container-impl")
LOG = """\
I1125 02:07:20.1  1 launcher_v2.go:100] input ...
2026-11-25 INFO something
Traceback (most recent call last):
ValueError: not this line
error: learning rate 1e9: the loss is no number; lower --learning-rate
F1125 02:07:51.1  1 main.go:57] failed to execute component: exit status 1
time="2026-11-25T02:07:51" level=info msg="sub-process exited" argo=true error="<nil>"
Error: exit status 1
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    with api_server() as running:
        yield running


def follow(server: tuple[str, State], package: Documents) -> tuple[watch.Outcome, list[str]]:
    """Follows the run; the lines without their time."""
    lines: list[str] = []
    outcome = watch.watch(Server(Connection(server[0])), "run-1", package.steps, lines.append)
    return outcome, [" ".join(line.split()[1:]) for line in lines]


def test_each_change_is_a_line(server: tuple[str, State], package: Documents) -> None:
    moments = ("01:35:35", "01:35:55", "01:36:06", "01:36:30", "01:37:06", "01:37:30")
    server[1].progress = [*(recorded("all-cached", moment) for moment in moments), recorded("all-cached")]
    outcome, lines = follow(server, package)
    assert outcome.succeeded
    assert [line for line in lines if line.startswith(("example-gen", "trainer", "evaluator", "pusher"))] == [
        "example-gen cached", "trainer cached", "evaluator running", "evaluator succeeded",
        "pusher succeeded",
    ]  # fmt: skip


def test_a_pod_that_waits_is_said_with_its_reason_and_in_the_end_the_command(
    server: tuple[str, State], package: Documents
) -> None:
    name = "trainer-pending-then-terminated"
    server[1].progress = [*[recorded(name, "01:31:00")] * 15, recorded(name)]
    server[1].workflow = workflow(NAME, example_gen=("Succeeded", ""), trainer=("Pending", NO_CORES))
    outcome, lines = follow(server, package)
    assert [line for line in lines if line.startswith("trainer")] == [
        f"trainer waiting: {NO_CORES}",
        f"trainer waiting: kubectl describe pod {POD} -n kubeflow says for what",
        "trainer failed",
    ]
    assert "pusher not run" in lines
    assert str(outcome) == "canceled"


def test_a_server_without_the_older_api_has_a_step_wait_without_a_reason(
    server: tuple[str, State], package: Documents
) -> None:
    name = "trainer-pending-then-terminated"
    server[1].progress = [*[recorded(name, "01:31:00")] * 15, recorded(name)]
    _, lines = follow(server, package)
    assert [line for line in lines if line.startswith("trainer")] == [
        "trainer waiting",
        "trainer waiting: kubectl describe pods -l pipeline/runid=run-1 says for what",
        "trainer failed",
    ]


def test_a_step_beside_one_that_waits_runs(server: tuple[str, State], package: Documents) -> None:
    name = "trainer-pending-then-terminated"
    server[1].progress = [*[recorded(name, "01:31:00")] * 3, recorded(name)]
    server[1].workflow = workflow(NAME, trainer=("Running", ""))
    _, lines = follow(server, package)
    assert "trainer running" in lines
    assert "trainer waiting" not in lines


def test_a_failed_step_is_shown_with_the_last_line_of_its_log(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [recorded("trainer-failed", "02:08:00"), recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, data_gate=("Succeeded", ""), trainer=("Failed", "Error (exit code 1)"))
    server[1].logs = {POD: LOG}
    outcome, lines = follow(server, package)
    assert "trainer failed: learning rate 1e9: the loss is no number; lower --learning-rate" in lines
    assert str(outcome) == (
        "failed at trainer: learning rate 1e9: the loss is no number; lower --learning-rate"
    )  # fmt: skip


def test_a_step_without_a_log_fails_without_a_reason(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, trainer=("Failed", "OOMKilled"))
    outcome, lines = follow(server, package)
    assert "trainer failed" in lines
    assert str(outcome) == "failed at trainer"


def test_the_servers_own_reason_comes_first(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [{**recorded("trainer-failed"), "error": {"message": "child 'x'\nfailed"}}]
    outcome, _ = follow(server, package)
    assert str(outcome) == "failed at trainer: child 'x' failed"
