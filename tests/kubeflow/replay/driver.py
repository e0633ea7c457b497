"""The driver: makes a task's executor input (`backend/src/v2/driver`)."""

import hashlib
import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, Final

from tests.kubeflow.replay.objects import local_path

Message = dict[str, Any]

WORKSPACE: Final = "/kfp-workspace"
SYSTEM_ARTIFACT: Final = {"artifactType": {"schemaTitle": "system.Artifact"}}


class DriverError(Exception):
    """A task's inputs cannot be resolved."""


def order(tasks: dict[str, Message]) -> list[str]:
    """An order in which every task comes after those it depends on."""
    done: list[str] = []
    while len(done) < len(tasks):
        ready = [n for n in sorted(tasks) if n not in done and upstream(tasks[n]) <= set(done)]
        if not ready:
            raise DriverError(f"unknown producer or a cycle among {sorted(set(tasks) - set(done))}")
        done.append(ready[0])
    return done


def upstream(task: Message) -> set[str]:
    """The tasks that must have succeeded before (`argocompiler/dag.go`); where inputs come from does not count."""
    return set(task.get("dependentTasks", []))


def resolve_parameters(
    task: Message, inputs: Message, constants: dict[str, str], final_status: Message | None = None
) -> Message:
    """The values of a task's parameters (`resolveInputParameter`).

    Args:
        task: A task of a DAG.
        inputs: The DAG's parameters: of the root DAG, the run's.
        constants: What a constant that is exactly the key stands for.
        final_status: Of an exit task: how the task before it ended.

    Returns:
        The values by name.
    """
    values = {}
    for name, source in task.get("inputs", {}).get("parameters", {}).items():
        if "componentInputParameter" in source:
            values[name] = inputs[source["componentInputParameter"]]
            continue
        if "taskFinalStatus" in source:
            values[name] = final_status
            continue
        constant = source["runtimeValue"]["constant"]
        if isinstance(constant, str):
            constant = constants.get(constant, constant.replace("{{$.workspace_path}}", WORKSPACE))
        values[name] = constant
    return values


def is_exit(task: Message) -> bool:
    """Whether a task runs when another has ended, whatever became of it."""
    return bool(task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED")


def resolve_artifacts(
    task: Message, outputs: dict[str, dict[str, str]], read_back: Callable[[str], Message]
) -> Message:
    """A task's input artifacts, as ML Metadata gives them back.

    Args:
        task: A task of a DAG.
        outputs: Ids of the recorded outputs by task and key.
        read_back: Reads an artifact by its id.

    Returns:
        The inputs' artifact lists by key.
    """
    artifacts = {}
    for name, source in task.get("inputs", {}).get("artifacts", {}).items():
        producer, key = source["taskOutputArtifact"]["producerTask"], source["taskOutputArtifact"]["outputArtifactKey"]
        if producer not in outputs:
            raise DriverError(f"producer task {producer!r} has not run")
        if key not in outputs[producer]:
            raise DriverError(f"cannot find output artifact key {key!r} in producer task {producer!r}")
        artifacts[name] = {"artifacts": [read_back(outputs[producer][key])]}
    return artifacts


def provision(component: Message, task_root: str) -> Message:
    """The outputs of a task, with the log's (`provisionOutputs`)."""
    specs = {**component.get("outputDefinitions", {}).get("artifacts", {}), "executor-logs": SYSTEM_ARTIFACT}
    artifacts = {}
    for key, spec in specs.items():
        artifact = {"name": key, "uri": f"{task_root}/{key}", "type": spec["artifactType"]}
        if "metadata" in spec:
            artifact["metadata"] = spec["metadata"]
        artifacts[key] = {"artifacts": [artifact]}
    local_root = PurePosixPath(local_path({"uri": task_root}))
    return {"artifacts": artifacts, "outputFile": str(local_root / "output_metadata.json")}


def fingerprint(executor_input: Message, container: Message, claims: list[str]) -> str:
    """The cache key (`GenerateCacheKey`): ids of inputs, never their contents."""
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    key = {
        "inputs": {n: [a["name"] for a in v["artifacts"]] for n, v in inputs.get("artifacts", {}).items()},
        "parameters": inputs.get("parameterValues", {}),
        "outputs": {
            n: {k: v for k, v in value["artifacts"][0].items() if k != "uri"}
            for n, value in outputs["artifacts"].items()
        },
        "container": [container["image"], container["command"], container["args"], sorted(claims)],
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
