"""The model of the cluster: what it adds to the pods, and how near it comes to what was measured."""

import json

import pytest

from bench import cluster
from bench.process import ROOT

TUTORIAL = cluster.Graph({"clone": [], "preprocessing": ["clone"], "training": ["preprocessing"]}, {
    "clone": 0.0, "preprocessing": 10.0, "training": 16.0,
})  # fmt: skip
FORKED = cluster.Graph({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, {"a": 1.0, "b": 2.0, "c": 5.0, "d": 1.0})


def test_the_steps_in_a_row_are_those_that_take_longest() -> None:
    assert cluster.critical_path(FORKED, 10.0, 1.0) == ["a", "c", "d"]


def test_each_step_in_a_row_costs_two_pods_and_a_wait_before_each_and_the_graph_a_driver() -> None:
    assert cluster.predicted(FORKED, 10.0, 1.0) == (4 + 5) + 3 * (4 + 3 + 10) + 1 + 5 + 1
    assert cluster.predicted(FORKED, 1.0, 2.0) == (4 + 0.5) + 3 * (4 + 3 + 1) + 2 * (1 + 5 + 1)


def test_the_tutorial_is_what_the_speed_of_the_node_is_fitted_to() -> None:
    factor = cluster.slower(TUTORIAL)
    assert cluster.predicted(TUTORIAL, 10.0, factor) == pytest.approx(119.0)


@pytest.mark.parametrize("requeue", [cluster.REQUEUE, cluster.QUICK_REQUEUE])
@pytest.mark.parametrize("run", ["tutorial", "as it was"])
def test_what_was_predicted_last_is_within_15_percent_of_what_was_measured(run: str, requeue: float) -> None:
    saved = json.loads((ROOT / "bench" / "results" / "kubeflow.json").read_text(encoding="utf-8"))
    seconds = saved["predicted"][run][f"requeue {requeue:.0f} s"]["seconds"]
    assert seconds == pytest.approx(cluster.MEASURED[run][requeue], rel=0.15)
