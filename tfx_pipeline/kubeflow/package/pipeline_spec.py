"""The first document of the package: what TFX's compiler leaves out of the pipeline spec, or writes otherwise."""

from collections.abc import Mapping
from typing import Any, Final

from tfx_pipeline.config.kubeflow import StepSettings
from tfx_pipeline.kubeflow.step import tensorboard_viewer
from tfx_pipeline.kubeflow.step.supervisor import WAITS
from tfx_pipeline.steps.graph import upstream
from tfx_pipeline.steps.table import EVALUATION_REVIEW

Spec = dict[str, Any]

WORKSPACE_PARAMETER: Final = "workspace_path"
"""An input parameter that no component reads: Kubeflow mounts the workspace where some parameter mentions its path."""


def complete(spec: Spec, settings: Mapping[str, StepSettings]) -> Spec:
    """Completes a compiled pipeline spec.

    Args:
        spec: What TFX compiled, schema 2.1.0.
        settings: The settings of each step.

    Returns:
        The spec with components named as Kubeflow's own tools expect, and with caching, retries, resources and
        environment of each step.
    """
    tasks = {name: _task(task, settings[name]) for name, task in _with_nearest(spec["root"]["dag"]["tasks"]).items()}
    components = {_component_name(name): _component(c, settings[name]) for name, c in spec["components"].items()}
    labels = {c["executorLabel"]: name for name, c in spec["components"].items()}
    executors = {
        label: _executor(executor, settings[labels[label]])
        for label, executor in spec["deploymentSpec"]["executors"].items()
    }
    return {
        **spec,
        "root": {**spec["root"], "dag": {**spec["root"]["dag"], "tasks": tasks}},
        "components": components,
        "deploymentSpec": {**spec["deploymentSpec"], "executors": executors},
    }


def with_viewer_output(spec: Spec) -> Spec:
    """Adds the output of which Kubeflow's page makes its button "Start Tensorboard" to the step with the events."""
    component = spec["components"][EVALUATION_REVIEW.name]
    outputs = component["outputDefinitions"]
    definition = {
        tensorboard_viewer.OUTPUT: {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}
    }
    changed = {**component, "outputDefinitions": {**outputs, "artifacts": {**outputs["artifacts"], **definition}}}
    return {**spec, "components": {**spec["components"], EVALUATION_REVIEW.name: changed}}


def _with_nearest(tasks: Spec) -> Spec:
    """Has each task wait for the nearest tasks alone: TFX names all upstream ones, and Kubeflow's page draws each.

    Kubeflow takes the order from ``dependentTasks``, and from the artifacts nothing but the values.
    """
    waits = {name: set(task.get("dependentTasks", [])) for name, task in tasks.items()}
    return {
        name: {**task, "dependentTasks": sorted(waits[name] - set().union(*(upstream(w, waits) for w in waits[name])))}
        if waits[name]
        else task
        for name, task in tasks.items()
    }


def _component_name(name: str) -> str:
    # Kubeflow's SDK takes the five characters away again.
    return f"comp-{name}"


def _component(component: Spec, settings: StepSettings) -> Spec:
    if not settings.workspace:
        return component
    inputs = component.get("inputDefinitions", {})
    definition = {WORKSPACE_PARAMETER: {"parameterType": "STRING"}}
    return {**component, "inputDefinitions": {**inputs, "parameters": {**inputs.get("parameters", {}), **definition}}}


def _task(task: Spec, settings: StepSettings) -> Spec:
    done = {
        **task,
        "componentRef": {"name": _component_name(task["componentRef"]["name"])},
        "cachingOptions": {"enableCache": True} if settings.cache else {},
    }
    if settings.retries:
        done["retryPolicy"] = _retry_policy(settings)
    if settings.workspace:
        inputs = task.get("inputs", {})
        value = {WORKSPACE_PARAMETER: {"runtimeValue": {"constant": "{{$.workspace_path}}"}}}
        done["inputs"] = {**inputs, "parameters": {**inputs.get("parameters", {}), **value}}
    return done


def _retry_policy(settings: StepSettings) -> Spec:
    return {
        "maxRetryCount": settings.retries,
        "backoffDuration": f"{settings.retry_backoff}s",
        "backoffFactor": settings.retry_backoff_factor,
        "backoffMaxDuration": f"{settings.retry_window}s",
    }


def _executor(executor: Spec, settings: StepSettings) -> Spec:
    if "container" not in executor:
        return executor
    container = {key: value for key, value in executor["container"].items() if key != "lifecycle"}
    extra: Spec = {"image": settings.image, "env": _environment(settings)}
    resources = _resources(settings)
    if resources:
        extra["resources"] = resources
    return {**executor, "container": {**container, **extra}}


def _environment(settings: StepSettings) -> list[dict[str, str]]:
    # A cluster may run the image as a user that has no home in it.
    own = {"HOME": "/tmp"}  # noqa: S108
    if settings.retries:
        own[WAITS] = retry_waits(settings)
    return [{"name": name, "value": value} for name, value in sorted({**own, **settings.env}.items())]


def retry_waits(settings: StepSettings) -> str:
    """The seconds before each retry, as the step in its pod reads them."""
    waits = [settings.retry_backoff * settings.retry_backoff_factor**retry for retry in range(settings.retries)]
    return " ".join(map(str, waits))


def _resources(settings: StepSettings) -> Spec:
    fields = {
        "resourceCpuRequest": settings.cpu_request,
        "resourceCpuLimit": settings.cpu_limit,
        "resourceMemoryRequest": settings.memory_request,
        "resourceMemoryLimit": settings.memory_limit,
    }
    resources: Spec = {name: value for name, value in fields.items() if value}
    if settings.gpus:
        resources["accelerator"] = {"resourceType": settings.gpu_type, "resourceCount": str(settings.gpus)}
    return resources
