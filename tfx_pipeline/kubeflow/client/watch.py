"""Follows a run on Kubeflow: each step's state as it changes, and what the run comes to."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

import kfp_server_api

from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError

SUCCEEDED: Final = "SUCCEEDED"
FINAL: Final = frozenset({SUCCEEDED, "FAILED", "SKIPPED", "CANCELED", "ERROR"})
_PATIENCE: Final = 6  # answers in a row that may fail before the run is no longer followed


class Outcome(NamedTuple):
    """How a run ended."""

    state: str
    failed: tuple[str, ...]
    reason: str

    @property
    def succeeded(self) -> bool:
        """Whether it ran to its end."""
        return self.state == SUCCEEDED

    def __str__(self) -> str:
        where = f" at {', '.join(self.failed)}" if self.failed else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.state.lower()}{where}{reason}"


def watch(
    server: Server, run_id: str, steps: Collection[str], say: Callable[[str], None], *, seconds_between: float = 5.0
) -> Outcome:
    """Follows a run to its end.

    Args:
        server: Kubeflow's API server.
        run_id: The run.
        steps: The ids of the steps.
        say: Receives a line for each change.
        seconds_between: Time between two questions.

    Returns:
        How it ended.

    Raises:
        UserError: The server fails to answer several times in a row.
    """
    known: dict[str, str] = {}
    failures = 0
    while True:
        try:
            run = server.run(run_id)
        except UserError:
            failures += 1
            if failures == _PATIENCE:
                raise
            time.sleep(seconds_between)
            continue
        failures = 0
        states = step_states(_tasks(run), steps)
        for step, state in states.items():
            if known.get(step) != state:
                say(f"{time.strftime('%H:%M:%S')}  {step:<20} {state.lower()}")
        known |= states
        if run.state in FINAL:
            return _outcome(run, known)
        time.sleep(seconds_between)


def _tasks(run: kfp_server_api.V2beta1Run) -> list[kfp_server_api.V2beta1PipelineTaskDetail]:
    return list(run.run_details.task_details or []) if run.run_details else []


def step_states(tasks: Iterable[kfp_server_api.V2beta1PipelineTaskDetail], steps: Collection[str]) -> Mapping[str, str]:
    """Reads the state of each step that began from the nodes of Argo's graph.

    Args:
        tasks: All nodes that the server lists: steps, their drivers, their containers, the graph itself.
        steps: The ids of the steps.

    Returns:
        The state by step: one of the server's, or "CACHED" where its container was skipped.
    """
    tasks = list(tasks)
    skipped = {t.pod_name or t.task_id for t in tasks if t.display_name == "executor" and t.state == "SKIPPED"}
    by_time = sorted((task for task in tasks if task.display_name in steps), key=lambda task: str(task.start_time))
    return {task.display_name: _state(task, skipped) for task in by_time}


def _state(task: kfp_server_api.V2beta1PipelineTaskDetail, skipped: Collection[str]) -> str:
    state = str(task.state or "PENDING")
    children = {child.pod_name or child.task_id for child in task.child_tasks or []}
    return "CACHED" if state == SUCCEEDED and children & set(skipped) else state


def _outcome(run: kfp_server_api.V2beta1Run, states: Mapping[str, str]) -> Outcome:
    failed = tuple(step for step, state in states.items() if state in ("FAILED", "ERROR"))
    reason = " ".join(str(run.error.message).split()) if run.error and run.error.message else ""
    return Outcome(run.state, failed, reason)
