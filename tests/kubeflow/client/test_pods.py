"""The pods of steps by Argo's names, and the last line of a log."""

import pytest

from tfx_pipeline.kubeflow.client.pods import last_line, pods


def node(name: str, started: int, phase: str = "Succeeded", kind: str = "Pod") -> dict[str, str]:
    return {
        "id": f"run-x-{started}", "name": name, "type": kind, "templateName": "impl", "phase": phase,
        "startedAt": f"2026-01-01T00:00:{started:02}Z",
    }  # fmt: skip


@pytest.mark.parametrize("graph", ["run-x(0).root(0)", "run-x.root"])
@pytest.mark.parametrize(
    "name", ["trainer(0).executor(1)", "trainer.executor(1)", "trainer.executor", "trainer-driver"]
)
def test_a_pod_is_of_the_step_that_its_node_is_named_after(graph: str, name: str) -> None:
    nodes = {"b": node(f"{graph}.{name}", 2, "Pending"), "a": node(f"{graph}.trainer-driver(0)", 1)}
    others = {"c": node(f"{graph}.trainer(0)", 9, kind="Retry"), "d": node("run-x(0).root-driver(0)", 9)}
    workflow = {"metadata": {"name": "run-x", "namespace": "team"}, "status": {"nodes": nodes | others}}
    found = pods(workflow)["trainer"]
    assert (found.name, found.namespace, found.waits) == ("run-x-impl-2", "team", True)


def test_a_workflow_whose_nodes_are_stored_elsewhere_has_no_pods() -> None:
    assert pods({"metadata": {"name": "run-x"}, "status": {"compressedNodes": "H4sI"}}) == {}


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("one\n\ntwo  \n", "two"),
        ("error: first\nerror: last\nafter\n", "last"),
        ("work\nF1125 02:07:51.1 1 main.go:57] failed to execute component: exit status 1\n", "work"),
    ],
)
def test_the_last_line_is_the_steps_own(log: str, line: str) -> None:
    assert last_line(log) == line
