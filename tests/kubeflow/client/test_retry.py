"""A failed run is taken up again, and everything that stands against it is one line."""

from collections.abc import Iterator

import pytest

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.recorded import Run, recorded
from tfx_pipeline.kubeflow.client import watch
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.retry import retry_run
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import RunFailedError, UserError

FAILED = "trainer-failed"
LATER = "2026-11-25T03:00:00Z"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)
    with api_server() as running:
        yield running


def retry(server: tuple[str, State], run_id: str = "run-1", *, follow: bool = False) -> list[str]:
    """Retries a run; what a person is told, without times."""
    lines: list[str] = []
    retry_run(Server(Connection(server[0])), run_id, lines.append, follow=follow)
    return [" ".join(line.split()[line[2] == ":" :]) for line in lines]


def begun(run: Run) -> Run:
    """A failed run as the server has it once it was taken up: its state and end are new, its tasks are not."""
    history = [*run["state_history"], {"update_time": LATER, "state": "RUNNING"}]
    return {**run, "state": "RUNNING", "finished_at": None, "state_history": history}


def done(run: Run, state: str = "SUCCEEDED") -> Run:
    """The run once what had failed, or had not run, came to an end."""
    tasks = [
        task if task.get("state") in {"SUCCEEDED", "SKIPPED"} else {**task, "state": state, "end_time": LATER}
        for task in run["run_details"]["task_details"]
    ]
    return {**begun(run), "state": state, "finished_at": LATER, "run_details": {"task_details": tasks}}


def test_a_failed_run_is_retried(server: tuple[str, State]) -> None:
    server[1].progress = [recorded(FAILED)]
    assert retry(server) == [f"retried {server[0]}/#/runs/details/run-1"]
    assert server[1].retried == ["run-1"]


def test_what_failed_before_is_not_counted_while_it_is_followed(server: tuple[str, State]) -> None:
    run = recorded(FAILED)
    before = {**begun(run), "state": run["state"], "finished_at": run["finished_at"]}
    server[1].progress = [before, before, begun(run), done(run)]
    lines = retry(server, follow=True)
    assert not [line for line in lines if "fail" in line or "not run" in line]
    assert {"data-gate cached", "trainer succeeded", "pusher succeeded"} <= {*lines}
    assert lines[-1] == f"succeeded {server[0]}/#/runs/details/run-1"


def test_a_run_that_fails_again_ends_with_that(server: tuple[str, State]) -> None:
    run = recorded(FAILED)
    server[1].progress = [begun(run) | {"state": "FAILED"}, begun(run), done(run, "FAILED")]
    with pytest.raises(RunFailedError, match=r"^the run failed at .*trainer"):
        retry(server, follow=True)


def test_a_run_that_was_ended_by_hand_counts_by_what_comes_after(server: tuple[str, State]) -> None:
    run = recorded("trainer-pending-then-terminated")
    server[1].progress = [{**begun(run), **run}, begun(run), done(run)]
    assert retry(server, follow=True)[-1].startswith("succeeded")


def test_a_run_that_the_server_does_not_take_up_is_not_followed_for_ever(server: tuple[str, State]) -> None:
    run = recorded(FAILED)
    server[1].progress = [{**begun(run), **run}]
    with pytest.raises(RunFailedError, match=r"^the run failed"):
        retry(server, follow=True)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("RUNNING", "--retry-run run-1: the run has not ended, its state is running; wait for it"),
        ("PENDING", "--retry-run run-1: the run has not ended, its state is pending; wait for it"),
        ("CANCELING", "--retry-run run-1: the run has not ended, its state is canceling; wait for it"),
        ("SUCCEEDED", "--retry-run run-1: the run succeeded; start a new one with --run"),
    ],
)
def test_only_a_failed_run_is_retried(server: tuple[str, State], state: str, message: str) -> None:
    server[1].progress = [{"state": state}]
    with pytest.raises(UserError) as error:
        retry(server)
    assert str(error.value) == message
    assert server[1].retried == []


def test_an_unknown_run_is_one_line(server: tuple[str, State]) -> None:
    with pytest.raises(UserError) as error:
        retry(server, "run-9")
    assert str(error.value) == (
        f"{server[0]}: cannot read the run run-9: 404 Failed to get a run: Failed to fetch run run-9: Run run-9 not "
        "found; no run there has this id; the address of a run's page ends with its id"
    )


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_retries_is_one_line(server: tuple[str, State], status: int) -> None:
    server[1].progress, server[1].retry_status = [recorded(FAILED)], status
    with pytest.raises(
        UserError, match=r"cannot retry the run run-1: \d+ .*; this server cannot retry runs; start a new"
    ):
        retry(server)


def test_what_the_server_says_against_a_retry_is_said(server: tuple[str, State]) -> None:
    server[1].progress, server[1].retry_status = [recorded(FAILED)], 400
    with pytest.raises(UserError, match=r"cannot retry the run run-1: 400 refused$"):
        retry(server)
