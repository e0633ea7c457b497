"""A model of the cluster: predicts how long a run takes on Kubeflow Pipelines, from the seconds of each pod.

A step in a row costs its driver's pod, the start of its own, and twice the wait until Argo's workflow controller looks
again, which it does every ``DEFAULT_REQUEUE_TIME``. These were measured on Kubeflow Pipelines 2.17.0 on one node of two
cores, and so were three runs. One number is fitted: how much slower that node, which also runs Kubernetes and Kubeflow,
is than the machine that measures the pods. It follows from the tutorial's steps alone; the pipeline is predicted.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

DRIVER: Final = 4.0  # seconds of a driver's pod
EXECUTOR: Final = 3.0  # from an executor's pod to its command
REQUEUE: Final = 10.0  # Argo's own; the wait is half of it in the mean
QUICK_REQUEUE: Final = 1.0

MEASURED: Final = {
    "tutorial": {REQUEUE: 119.0, QUICK_REQUEUE: 86.0},
    "as it was": {REQUEUE: 253.0, QUICK_REQUEUE: 184.0},
}
"""Seconds of a full run on that cluster by the time between two looks."""


@dataclasses.dataclass(frozen=True)
class Graph:
    """The steps of a pipeline.

    Attributes:
        waits: The steps that each waits for.
        seconds: What the pod of each takes on this machine, from the first byte that it downloads to the last.
    """

    waits: Mapping[str, Sequence[str]]
    seconds: Mapping[str, float]


def control(steps: int, requeue: float) -> float:
    """Seconds of the control plane: for a graph's own driver, and for each of the steps in a row."""
    return DRIVER + requeue / 2 + steps * (DRIVER + EXECUTOR + requeue)


def slower(tutorial: Graph) -> float:
    """How many times as long as here a pod takes on the measured node."""
    path = critical_path(tutorial, REQUEUE, 1.0)
    work = sum(tutorial.seconds[step] for step in path)
    return (MEASURED["tutorial"][REQUEUE] - control(len(path), REQUEUE)) / work


def critical_path(graph: Graph, requeue: float, factor: float) -> list[str]:
    """The steps in a row that take longest."""

    def ending(step: str) -> tuple[float, list[str]]:
        before = max((ending(other) for other in graph.waits[step]), default=(0.0, []))
        return before[0] + DRIVER + EXECUTOR + requeue + factor * graph.seconds[step], [*before[1], step]

    return max(ending(step) for step in graph.waits)[1]


def predicted(graph: Graph, requeue: float, factor: float) -> float:
    """Seconds of a whole run in which nothing is cached."""
    path = critical_path(graph, requeue, factor)
    return control(len(path), requeue) + factor * sum(graph.seconds[step] for step in path)
