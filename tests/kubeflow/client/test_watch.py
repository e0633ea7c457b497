"""What a person sees of a run that is followed, with a real server's answers."""

import re
from collections.abc import Iterator

import pytest

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.conftest import Documents
from tests.kubeflow.recorded import driver_failed, node_id, recorded, workflow
from tfx_pipeline.kubeflow.client import watch
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import RunFailedError

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


FORBIDDEN = (
    f'pods "{POD}" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or containers '
    '"wait", "main" must set securityContext.runAsNonRoot=true)'
)


def test_a_pod_that_kubernetes_forbids_is_said_and_in_the_end_no_longer_followed(
    server: tuple[str, State], package: Documents
) -> None:
    server[1].progress = [recorded("pod-lost-and-retried", "01:45:45")]
    server[1].workflow = workflow(NAME, example_gen=("Succeeded", ""), trainer=("Error", FORBIDDEN))
    lines: list[str] = []
    with pytest.raises(RunFailedError) as error:
        watch.watch(Server(Connection(server[0])), "run-1", package.steps, lines.append)
    assert str(error.value) == (
        f"Kubernetes makes no pod for trainer: {FORBIDDEN}; Kubeflow tries again for a long time, so terminate the "
        f"run: {server[0]}/#/runs/details/run-1; without run_as_user=0 and run_as_non_root=false, a package passes"
    )
    assert [line.partition("  ")[2] for line in lines if "trainer" in line] == [
        f"{'trainer':<20} forbidden: {FORBIDDEN}"
    ]
    assert len([request for request in server[1].requests if request.endswith("/runs/run-1")]) < 40


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        (FORBIDDEN, True),
        (
            'pods "x" is forbidden: error looking up service account kubeflow/none: serviceaccount "none" not found',
            True,
        ),
        ('admission webhook "policy.example.org" denied the request: no', True),
        ('Pod "x" is invalid: spec.containers[0].resources.requests: Invalid value: "2"', True),
        ('pods "x" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=8, limited: cpu=8', False),
        ("pod deleted", False),
    ],
)
def test_what_kubernetes_refuses_for_good_is_told_from_what_passes(
    server: tuple[str, State], package: Documents, reason: str, *, refused: bool
) -> None:
    server[1].progress = [*[recorded("pod-lost-and-retried", "01:45:45")] * 30, recorded("pod-lost-and-retried")]
    server[1].workflow = workflow(NAME, trainer=("Error", reason))
    if refused:
        with pytest.raises(RunFailedError, match=re.escape(reason)):
            follow(server, package)
        return
    outcome, lines = follow(server, package)
    assert [line for line in lines if line.startswith("trainer")] == [
        f"trainer tried again: {reason}",
        "trainer succeeded",
    ]
    assert outcome.succeeded


def test_a_driver_without_a_pod_is_said_of_its_step(server: tuple[str, State], package: Documents) -> None:
    run = recorded("full", "02:15:30")
    run["run_details"]["task_details"] = [
        {**task, "state": "FAILED"} if task.get("display_name") == "trainer-driver(0)" else task
        for task in run["run_details"]["task_details"]
        if not str(task.get("display_name")).startswith("trainer(") and task.get("display_name") != "trainer"
    ]
    server[1].progress = [run]
    server[1].workflow = workflow(NAME, trainer=("Error", FORBIDDEN))
    for node in server[1].workflow["status"]["nodes"].values():
        node["name"] = f"{NAME}(0).root(0).trainer-driver(0)"
    with pytest.raises(RunFailedError, match="Kubernetes makes no pod for trainer"):
        follow(server, package)


def test_a_step_whose_pod_was_lost_for_good_fails_with_the_reason(
    server: tuple[str, State], package: Documents
) -> None:
    server[1].progress = [recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, trainer=("Error", "pod deleted"))
    outcome, lines = follow(server, package)
    assert "trainer failed: pod deleted" in lines
    assert str(outcome) == "failed at trainer: pod deleted"


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


def test_through_the_page_the_log_is_that_of_the_pod(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, trainer=("Failed", "main: Error (exit code 1)"))
    server[1].logs, server[1].behind_page = {POD: LOG}, True
    outcome, _ = follow(server, package)
    assert str(outcome) == "failed at trainer: learning rate 1e9: the loss is no number; lower --learning-rate"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("OOMKilled", ": OOMKilled"),
        ("Pod was active on the node longer than the specified deadline",) * 2,
        ("main: Error (exit code 1)", ""),
    ],
)
def test_a_step_without_a_log_fails_with_what_argo_says_of_its_pod(
    server: tuple[str, State], package: Documents, message: str, reason: str
) -> None:
    server[1].progress = [recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, trainer=("Failed", message))
    outcome, lines = follow(server, package)
    reason = f": {reason.removeprefix(': ')}" if reason else ""
    assert f"trainer failed{reason}" in lines
    assert str(outcome) == f"failed at trainer{reason}"


def test_a_deadline_comes_before_whatever_the_log_ended_with(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [recorded("trainer-failed")]
    server[1].workflow = workflow(NAME, trainer=("Failed", "Pod was active on the node longer than the deadline"))
    server[1].logs = {POD: "Epoch 3/8"}
    outcome, _ = follow(server, package)
    assert str(outcome) == "failed at trainer: Pod was active on the node longer than the deadline"


STEPS = ("baseline-locator", "data", "trainer", "judgement")


def follow_recorded(server: tuple[str, State], name: str, logs: dict[str, str]) -> tuple[watch.Outcome, list[str]]:
    run, server[1].workflow = driver_failed(name)
    server[1].progress, server[1].logs = [run], logs
    lines: list[str] = []
    outcome = watch.watch(Server(Connection(server[0])), "run-1", STEPS, lines.append)
    return outcome, [" ".join(line.split()[1:]) for line in lines]


def test_a_run_whose_first_driver_gets_no_pod_ends_with_the_reason(server: tuple[str, State]) -> None:
    outcome, lines = follow_recorded(server, "service-account-missing", {})
    reason = 'is forbidden: error looking up service account kubeflow/nosuch: serviceaccount "nosuch" not found'
    assert [line.partition("pods ")[0] for line in lines] == ["root failed: "]
    assert str(outcome).startswith("failed at root: pods ")
    assert str(outcome).endswith(reason)


DRIVER = "fashion-mnist-x46rr-system-container-driver-4243764121"
DRIVER_LOG = """\
I1201 00:42:08.1 1 main.go:93] Setting log level to: '1'
F1201 00:42:09.1 1 main.go:80] KFP driver: driver.Container(...) failed: two tasks have the same task name "data"
time="2026-12-01T00:42:09" level=info msg="sub-process exited" argo=true error="<nil>"
"""


def test_a_run_that_a_repeated_driver_doomed_is_named_with_what_helps(server: tuple[str, State]) -> None:
    outcome, lines = follow_recorded(server, "driver-failed-two-tasks", {DRIVER: DRIVER_LOG})
    assert outcome.failed == ("trainer",)
    assert "start a new run, which takes what is finished from the cache" in outcome.reason
    assert "judgement not run" in lines
    assert not any(line.startswith("data failed") for line in lines)


def test_a_failed_driver_says_why_it_gave_up(server: tuple[str, State]) -> None:
    log = DRIVER_LOG.replace("two tasks have the same task name", "no such cache")
    outcome, _ = follow_recorded(server, "driver-failed-two-tasks", {DRIVER: log})
    assert str(outcome).startswith("failed at trainer: KFP driver: driver.Container(...) failed: no such cache")


def test_the_servers_own_reason_comes_first(server: tuple[str, State], package: Documents) -> None:
    server[1].progress = [{**recorded("trainer-failed"), "error": {"message": "child 'x'\nfailed"}}]
    outcome, _ = follow(server, package)
    assert str(outcome) == "failed at trainer: child 'x' failed"
