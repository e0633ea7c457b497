"""The model of the cluster: what it adds to the pods, and how near it comes to what was measured."""

import json

import pytest

from bench import cluster
from bench.kubeflow import as_it_was
from bench.process import ROOT

TUTORIAL = cluster.Graph({"clone": [], "preprocessing": ["clone"], "training": ["preprocessing"]}, {
    "clone": 0.0, "preprocessing": 10.0, "training": 16.0,
})  # fmt: skip
WAITS = {
    "example-gen": [], "schema-import": [], "baseline-locator": [], "statistics-gen": ["example-gen", "schema-import"],
    "example-validator": ["statistics-gen"], "data-gate": ["example-validator"],
    "transform": ["example-gen", "schema-import"], "trainer": ["baseline-locator", "data-gate", "transform"],
    "evaluator": ["trainer"], "evaluation-review": ["evaluator"], "pusher": ["evaluator"],
}  # fmt: skip
LIGHT = {"schema-import", "baseline-locator", "pusher"}
FORKED = cluster.Graph({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, {"a": 1.0, "b": 2.0, "c": 5.0, "d": 1.0})


def test_the_steps_in_a_row_are_those_that_take_longest() -> None:
    assert cluster.critical_path(FORKED, 10.0, 1.0) == ["a", "c", "d"]


def test_each_step_in_a_row_costs_two_pods_and_a_wait_before_each_and_the_graph_a_driver() -> None:
    assert cluster.predicted(FORKED, 10.0, 1.0) == (4 + 5) + 3 * (4 + 3 + 10) + 1 + 5 + 1
    assert cluster.predicted(FORKED, 1.0, 2.0) == (4 + 0.5) + 3 * (4 + 3 + 1) + 2 * (1 + 5 + 1)


def test_the_tutorial_is_what_the_speed_of_the_node_is_fitted_to() -> None:
    factor = cluster.slower(TUTORIAL)
    assert cluster.predicted(TUTORIAL, 10.0, factor) == pytest.approx(119.0)


def test_a_run_that_was_measured_is_predicted_within_15_percent() -> None:
    """From what the steps took on a quiet machine: each pod its imports, where it needs TensorFlow, and its work."""
    medians = json.loads((ROOT / "bench" / "results" / "end_to_end.json").read_text(encoding="utf-8"))["medians"]
    steps, scripts = medians["pipeline"]["steps"], medians["tutorial"]["steps"]
    factor = cluster.slower(cluster.Graph(TUTORIAL.waits, {"clone": 0.0, **scripts}))
    seconds = {step: steps[step] + (0.0 if step in LIGHT else steps["imports"]) for step in WAITS}
    graph = as_it_was(cluster.Graph(WAITS, seconds))
    assert len(cluster.critical_path(graph, cluster.REQUEUE, factor)) == 8
    assert cluster.predicted(graph, cluster.REQUEUE, factor) == pytest.approx(253.0, rel=0.15)
