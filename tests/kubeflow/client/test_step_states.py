"""The states of steps, as a real server's answers have them."""

import kfp_server_api
import pytest

from tests.kubeflow.conftest import Documents
from tests.kubeflow.recorded import NAMES, Run, executed, recorded
from tfx_pipeline.kubeflow.client.step_states import named_steps, step_states


def read(run: Run) -> kfp_server_api.V2beta1Run:
    """Reads an answer as kfp's client does."""
    client = kfp_server_api.ApiClient()
    return client._ApiClient__deserialize(run, "V2beta1Run")


def states(run: Run, package: Documents) -> dict[str, str]:
    return step_states(read(run).run_details.task_details, package.steps)


TRIED_AGAIN = "ended-while-a-pod-ran"
"""Argo tried its whole graph again."""


@pytest.mark.parametrize("name", sorted({*NAMES} - {TRIED_AGAIN}))
def test_a_step_is_cached_where_it_had_no_pod(name: str, package: Documents) -> None:
    found = states(recorded(name), package)
    done = {step for step, state in found.items() if state in {"SUCCEEDED", "CACHED"}}
    pods = executed(recorded(name))
    assert {step for step in done if found[step] == "CACHED"} == done - pods
    assert done


def test_every_step_of_the_recorded_runs_has_a_state(package: Documents) -> None:
    found = {name: states(recorded(name), package) for name in NAMES}
    assert all(set(of_run) == set(package.steps) for of_run in found.values())
    cached = [step for of_run in found.values() for step, state in of_run.items() if state == "CACHED"]
    assert len(cached) == 17


@pytest.mark.parametrize(
    ("name", "failed", "not_run"),
    [
        ("trainer-failed", {"trainer"}, {"evaluator", "evaluation-review", "pusher"}),
        ("trainer-pending-then-terminated", {"trainer"}, {"evaluator", "evaluation-review", "pusher"}),
        ("stopped-by-data-gate", {"data-gate"}, {"transform", "trainer", "evaluator", "evaluation-review", "pusher"}),
        ("pod-lost-and-retried", set(), set()),
    ],
)
def test_what_comes_after_a_failed_step_is_not_run(
    name: str, failed: set[str], not_run: set[str], package: Documents
) -> None:
    found = states(recorded(name), package)
    assert {step for step, state in found.items() if state == "FAILED"} == failed
    assert {step for step, state in found.items() if state == "NOT RUN"} == not_run


def test_what_was_done_before_the_graph_was_tried_again_stays_done(package: Documents) -> None:
    found = states(recorded(TRIED_AGAIN), package)
    assert {step: state for step, state in found.items() if state != "SUCCEEDED"} == {
        "example-gen": "CACHED", "schema-import": "CACHED", "evaluation-review": "NOT RUN", "pusher": "NOT RUN",
    }  # fmt: skip


def test_a_step_whose_pod_waits_is_waiting_until_it_ends(package: Documents) -> None:
    seen = [
        states(recorded("trainer-pending-then-terminated", moment), package).get("trainer")
        for moment in ("01:30:35", "01:30:50", "01:32:00", "01:32:20")
    ]
    assert seen == [None, "WAITING", "WAITING", "FAILED"]


def test_a_step_waits_then_runs(package: Documents) -> None:
    name = "trainer-failed"
    seen = [states(recorded(name, moment), package).get("trainer") for moment in ("02:07:25", "02:07:50", "02:08:50")]
    assert seen == ["WAITING", "RUNNING", "FAILED"]


def test_a_step_that_has_no_state_yet_waits(package: Documents) -> None:
    found = states(recorded("full", "02:12:45"), package)
    assert set(found.values()) <= {"WAITING", "RUNNING", "SUCCEEDED"}
    nothing = {"display_name": "trainer", "start_time": "2026-11-25T02:12:45Z"}
    run = {"run_details": {"task_details": [nothing, {**nothing, "display_name": "pusher", "state": "PENDING"}]}}
    assert states(run, package) == {"trainer": "WAITING", "pusher": "WAITING"}


@pytest.mark.parametrize("name", NAMES)
def test_the_steps_of_a_run_are_known_by_their_drivers(name: str, package: Documents) -> None:
    tasks = read(recorded(name)).run_details.task_details
    assert named_steps(tasks) == {*package.steps}
    graph = kfp_server_api.V2beta1PipelineTaskDetail(display_name="exit-handler-driver(0)")
    assert named_steps([*tasks, graph]) == {*package.steps}
