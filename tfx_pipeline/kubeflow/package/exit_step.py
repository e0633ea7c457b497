"""The exit step: it runs after all others, whatever became of them.

Kubeflow's backend makes it a hook of the task that it depends on. Argo runs the hook when that task has ended, but not
where it was left out because an earlier one failed (``addExitTask`` in argocompiler/common.go). So all other steps
stand in a graph of their own, as with ``dsl.ExitHandler`` of kfp, and the exit step depends on that one task.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from tfx_pipeline.kubeflow.notifier import COMMAND
from tfx_pipeline.steps.table import NOTIFIER
from tfx_pipeline.steps.webhook import SECRET_MOUNT

Spec = dict[str, Any]

EXIT_HANDLER: Final = "exit-handler"
STEP: Final = NOTIFIER.name


def graphs(spec: Spec) -> Iterator[Spec]:
    """The components whose implementation is a graph of tasks: the root, and the one of the exit handler."""
    yield from (component for component in (spec["root"], *spec["components"].values()) if "dag" in component)


def tasks_of(spec: Spec) -> dict[str, Spec]:
    """The tasks of all graphs that run a container, by name."""
    return {
        name: task
        for graph in graphs(spec)
        for name, task in graph["dag"]["tasks"].items()
        if "dag" not in spec["components"].get(task["componentRef"]["name"], {})
    }


def with_notifier(spec: Spec, secret: str) -> Spec:
    """Adds the notifier to a compiled pipeline spec, as a task that does not wait yet."""
    root, components, deployment = spec["root"], spec["components"], spec["deploymentSpec"]
    constants = {
        "run": "{{$.pipeline_job_uuid}}",
        "name": "{{$.pipeline_job_name}}",
        "secret": secret,
        "secret_dir": SECRET_MOUNT,
    }
    values: Spec = {name: {"runtimeValue": {"constant": text}} for name, text in constants.items()}
    values["status"] = {"taskFinalStatus": {"producerTask": EXIT_HANDLER}}
    definitions: Spec = {key: {"parameterType": "STRING"} for key in (*constants, "steps")}
    definitions["status"] = {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}
    task = {"componentRef": {"name": STEP}, "inputs": {"parameters": values}, "taskInfo": {"name": STEP}}
    label = f"{STEP}_executor"
    component = {"executorLabel": label, "inputDefinitions": {"parameters": definitions}}
    executor = {"container": {"command": list(COMMAND), "args": ["{{$}}"]}}
    return {
        **spec,
        "root": {**root, "dag": {**root["dag"], "tasks": root["dag"]["tasks"] | {STEP: task}}},
        "components": components | {STEP: component},
        "deploymentSpec": {**deployment, "executors": deployment["executors"] | {label: executor}},
    }


def with_exit_handler(spec: Spec) -> Spec:
    """Puts all other tasks into a graph of their own, after which the notifier runs."""
    root, name = spec["root"], f"comp-{EXIT_HANDLER}"
    steps = dict(root["dag"]["tasks"])
    notifier = steps.pop(STEP)
    expected = {"steps": {"runtimeValue": {"constant": json.dumps(sorted(steps))}}}
    exit_task = {
        **notifier,
        "inputs": {"parameters": notifier["inputs"]["parameters"] | expected},
        "dependentTasks": [EXIT_HANDLER],
        "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
    }
    parameters = root.get("inputDefinitions", {}).get("parameters", {})
    handler = {
        "componentRef": {"name": name},
        "inputs": {"parameters": {key: {"componentInputParameter": key} for key in parameters}},
        "taskInfo": {"name": EXIT_HANDLER},
    }
    definitions = {key: {"parameterType": definition["parameterType"]} for key, definition in parameters.items()}
    component = {"dag": {**root["dag"], "tasks": steps}, "inputDefinitions": {"parameters": definitions}}
    return {
        **spec,
        "root": {**root, "dag": {"tasks": {EXIT_HANDLER: handler, STEP: exit_task}}},
        "components": spec["components"] | {name: component},
    }
