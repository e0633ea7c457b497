"""Reads the state of each step from what the API says of a run."""

import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

import kfp_server_api

from tfx_pipeline.kubeflow.client.pods import Pod
from tfx_pipeline.kubeflow.package.exit_step import EXIT_HANDLER

Task: TypeAlias = kfp_server_api.V2beta1PipelineTaskDetail

SUCCEEDED: Final = "SUCCEEDED"
CACHED: Final = "CACHED"
WAITING: Final = "WAITING"
NOT_RUN: Final = "NOT RUN"
FORBIDDEN: Final = "FORBIDDEN"
TRIED_AGAIN: Final = "TRIED AGAIN"
HELD: Final = (WAITING, FORBIDDEN, TRIED_AGAIN)
ROOT: Final = "root"
"""The graph of the run, and what Kubeflow itself does before the first step."""
FAILED: Final = ("FAILED", "ERROR")
_RUNNING: Final = "RUNNING"
_PENDING: Final = "PENDING"
_DRIVER: Final = "-driver"
_CACHED_WITHIN: Final = datetime.timedelta(seconds=1)


def named_steps(tasks: Iterable[Task]) -> set[str]:
    """The ids of steps that have a driver, which in the end all have; graphs have one too."""
    names = {_name(task) for task in tasks}
    return {name.removesuffix(_DRIVER) for name in names if name.endswith(_DRIVER)} - {ROOT, EXIT_HANDLER}


def step_states(tasks: Iterable[Task], steps: Collection[str]) -> dict[str, str]:
    """Reads the states from the nodes of Argo's graph that the server lists.

    A step is a node of its name; ``STEP-driver`` comes before it, and ``executor`` is inside, but nothing says of which
    step an ``executor`` is: it starts with its step. Attempts of each are called ``trainer(0)``, ``executor(1)``.

    Args:
        tasks: All nodes; some have neither name nor state.
        steps: The ids of the steps.

    Returns:
        The state of each step that began or never will, in the order of their starts: one of the server's or of this
        module's.
    """
    nodes = sorted((task for task in tasks if task.display_name and task.start_time), key=lambda task: task.start_time)
    states: dict[str, str] = {}
    for node in nodes:
        if node.display_name in steps:
            state = _state(node, nodes)
            # After a lost pod Argo may try the whole graph again: what was done before is done.
            if state != NOT_RUN or node.display_name not in states:
                states[node.display_name] = state
        elif node.state in FAILED and (step := node.display_name.removesuffix(_DRIVER)) in steps:
            # A driver with all its attempts: its step is never run, unless the graph was tried before.
            states.setdefault(step, "FAILED")
        elif node.state == _PENDING and _name(node).removesuffix(_DRIVER) in steps:
            states[_name(node).removesuffix(_DRIVER)] = WAITING
    return states


def has_troubled(tasks: Iterable[Task]) -> bool:
    """Whether a pod of the run waits for a node or an image, or ended so that it may be tried again."""
    return any(task.state in (_PENDING, *FAILED) and task.display_name for task in tasks)


def corrected(states: Mapping[str, str], pods: Mapping[str, Pod], steps: Collection[str]) -> dict[str, str]:
    """Tells steps that wait or have no pod from those that run by their pods, where the pods are known."""
    lost = {step: _RUNNING for step, pod in pods.items() if pod.lost and step in steps}
    return {step: _corrected(state, pods.get(step)) for step, state in (lost | dict(states)).items()}


def _corrected(state: str, pod: Pod | None) -> str:
    if pod is None or state not in (_RUNNING, WAITING):
        return state
    if pod.lost:
        return FORBIDDEN if pod.refused else TRIED_AGAIN
    return WAITING if pod.waits else _RUNNING


def _state(step: Task, nodes: Iterable[Task]) -> str:
    state = str(step.state or (NOT_RUN if step.end_time else WAITING))
    executors = {node.state for node in nodes if _name(node) == "executor" and node.start_time == step.start_time}
    if state == _PENDING or (state == _RUNNING and _PENDING in executors):
        return WAITING
    if state == SUCCEEDED and "SKIPPED" in executors and step.end_time - step.start_time <= _CACHED_WITHIN:
        return CACHED
    return state


def _name(node: Task) -> str:
    """A node's name without the number of the attempt."""
    return str(node.display_name).partition("(")[0]
