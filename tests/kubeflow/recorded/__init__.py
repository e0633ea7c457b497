"""What a real Kubeflow Pipelines 2.17 said of runs of this package (GET /apis/v2beta1/runs/ID), at their ends.

Left out of the recorded answers: the parameters, and of each task `run_id`, `task_id` and `create_time`.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
UNTIL_THE_END = "9999"

Run = dict[str, Any]


def recorded(name: str, moment: str = UNTIL_THE_END) -> Run:
    """Reads what was recorded of a run.

    Args:
        name: One of `NAMES`.
        moment: A time of the run such as "01:30:50"; the run's end without one.

    Returns:
        The answer as it must have been then: each state is kept with its time.
    """
    run = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    if moment == UNTIL_THE_END:
        return run
    now = f"{run['created_at'][:10]}T{moment}Z"
    tasks = [_then(task, now) for task in run["run_details"]["task_details"] if task["start_time"] <= now]
    return {**_then(run, now), "run_details": {"task_details": tasks}}


def driver_failed(name: str) -> tuple[Run, Run]:
    """Reads what was recorded of a run whose driver failed.

    Args:
        name: `service-account-missing` or `driver-failed-two-tasks`, in which a store outage repeated two drivers.

    Returns:
        The run, and Argo's workflow, of whose nodes is kept what names and explains them.
    """
    folder = FOLDER / "drivers"
    return tuple(json.loads((folder / f"{name}{end}").read_text()) for end in (".json", ".workflow.json"))


def _then(task: Run, now: str) -> Run:
    history = [entry for entry in task.get("state_history", []) if entry["update_time"] <= now]
    over = task.get("end_time", UNTIL_THE_END) <= now
    then = {key: value for key, value in task.items() if key != "end_time" or over} | {"state_history": history}
    return then | {"state": history[-1].get("state")} if "state" in task and history else then | {"state": None}


def executed(run: Run) -> set[str]:
    """The steps that had a pod: Argo's id of a node ends with a hash of its name, and parents name their children."""
    tasks = run["run_details"]["task_details"]
    names = {task.get("display_name") for task in tasks}
    children = {child["pod_name"] for task in tasks for child in task.get("child_tasks", [])}
    workflow = next(iter(children)).rpartition("-")[0]
    attempts = [f"{workflow}({whole}).root({graph})" for whole in range(2) for graph in range(2)]
    return {
        name
        for name in names
        for attempt in attempts
        if node_id(workflow, f"{attempt}.{name}(0).executor(0)") in children
    }


def node_id(workflow: str, name: str) -> str:
    """Argo's id of a node: FNV-1a of its name (`Workflow.NodeID`)."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{workflow}-{value}"


def workflow(workflow_name: str, **pods: tuple[str, str]) -> Run:
    """Argo's workflow as the API's v1beta1 gives it.

    Args:
        workflow_name: Its name.
        pods: Phase and message of the executor's pod by step, with _ for -.
    """
    nodes = {}
    for number, (step, (phase, message)) in enumerate(pods.items()):
        name = f"{workflow_name}(0).root(0).{step.replace('_', '-')}(0).executor(0)"
        nodes[node_id(workflow_name, name)] = {
            "id": node_id(workflow_name, name),
            "name": name,
            "displayName": "executor(0)",
            "type": "Pod",
            "templateName": "system-container-impl",
            "phase": phase,
            "message": message,
            "startedAt": f"2026-11-25T00:00:{number:02}Z",
        }
    return {"metadata": {"name": workflow_name, "namespace": "kubeflow"}, "status": {"nodes": nodes}}
