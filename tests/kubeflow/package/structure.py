"""The structure of a package, which no setting can break: what the backend rejects or ignores, by its sources."""

import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from tfx_pipeline.kubeflow.package.exit_step import graphs
from tfx_pipeline.kubeflow.package.pipeline_spec_checks import Problem
from tfx_pipeline.process.errors import flat

SCHEMA_VERSION: Final = "2.1.0"
# Argo names the task of its graph, and of the task's driver, after the task (argo-workflows, workflow/validate).
_TASK_NAME: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_MAX_TASK_NAME: Final = 128 - len("-driver")
_PIPELINE_NAME: Final = re.compile(r"[a-z0-9][-a-z0-9]{0,127}")
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
}
_IGNORED: Final = {
    "enabledSharedMemory": "shared memory is an emptyDir mount at /dev/shm",
    "podAffinity": "a place for pods is asked for with a node selector",
}


def check_structure(spec: dict[str, Any], platform: dict[str, Any]) -> Iterator[Problem]:
    """Finds each problem of the two documents."""
    yield from _check_spec(spec)
    yield from _check_platform(spec, platform)


def _check_spec(spec: dict[str, Any]) -> Iterator[Problem]:
    """The first document."""
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        yield Problem("package", f"has the schema {spec.get('schemaVersion')}, expected {SCHEMA_VERSION}")
    name = spec.get("pipelineInfo", {}).get("name", "")
    if not _PIPELINE_NAME.fullmatch(name):
        yield Problem(f"pipeline {name}", "expected a name of lower case letters, digits and hyphens")
    yield from _strict(spec)
    yield from _parameters(spec)
    for graph in graphs(spec):
        for task_name, task in graph["dag"]["tasks"].items():
            for reason in _task(task_name, task, graph, spec):
                yield Problem(f"task {task_name}", reason)


def _strict(spec: dict[str, Any]) -> Iterator[Problem]:
    """Unknown fields, which a server may refuse and nobody reads."""
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    except json_format.ParseError as error:
        yield Problem("package", f"is not a pipeline spec: {flat(error)}")


def _parameters(spec: dict[str, Any]) -> Iterator[Problem]:
    for name, definition in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        place, kind = f"parameter {name}", definition["parameterType"]
        if "defaultValue" not in definition:
            yield Problem(place, "has no default, so that a run cannot be started without it")
        elif kind in _TYPES and not isinstance(definition["defaultValue"], _TYPES[kind]):
            yield Problem(place, f"has the default {definition['defaultValue']!r}, which is no {kind}")


def _task(name: str, task: dict[str, Any], graph: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    if not _TASK_NAME.fullmatch(name):
        yield "Argo allows letters, digits and hyphens in its name; give it one with with_id('kebab-case')"
    if len(name) > _MAX_TASK_NAME:
        yield f"its name is longer than {_MAX_TASK_NAME} characters"
    yield from _references(task, graph)
    component = spec["components"].get(task["componentRef"]["name"])
    if component is None:
        yield f"its component {task['componentRef']['name']} is not in the package"
        return
    if not task["componentRef"]["name"].startswith("comp-"):
        yield f"its component {task['componentRef']['name']} has a name without comp-, which Kubeflow's SDK cuts off"
    if "dag" in component:
        return
    executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel"))
    if executor is None:
        yield f"its executor {component.get('executorLabel')} is not in the package"
        return
    yield from _executor(executor)


def _references(task: dict[str, Any], graph: dict[str, Any]) -> Iterator[str]:
    tasks = graph["dag"]["tasks"]
    inputs = task.get("inputs", {})
    sources = [*inputs.get("artifacts", {}).values(), *inputs.get("parameters", {}).values()]
    outputs = [s.get("taskOutputArtifact") or s.get("taskOutputParameter") for s in sources]
    producers = {output["producerTask"] for output in outputs if output} | set(task.get("dependentTasks", []))
    for producer in sorted(producers - tasks.keys()):
        yield f"depends on the unknown task {producer}; values that a task makes cannot be properties of another"
    yield from (f"takes what {producer} makes, and does not wait for it" for producer in _not_waited(task, tasks))
    known = graph.get("inputDefinitions", {}).get("parameters", {})
    for source in sources:
        parameter = source.get("componentInputParameter")
        if parameter is not None and parameter not in known:
            yield f"asks for the unknown run parameter {parameter}"


def _not_waited(task: dict[str, Any], tasks: dict[str, Any]) -> list[str]:
    """The producers of a task's inputs that may not have ended when it begins: the order is that of dependentTasks."""
    before, new = set[str](), set(task.get("dependentTasks", []))
    while new:
        before |= new
        new = {name for known in new & tasks.keys() for name in tasks[known].get("dependentTasks", [])} - before
    artifacts = task.get("inputs", {}).get("artifacts", {}).values()
    producers = {source["taskOutputArtifact"]["producerTask"] for source in artifacts if "taskOutputArtifact" in source}
    return sorted((producers & tasks.keys()) - before)


def _executor(executor: dict[str, Any]) -> Iterator[str]:
    if "resolver" in executor:
        yield "is a Resolver, which open-source Kubeflow cannot run; find the artifact in a component"
    elif "importer" in executor:
        uri = executor["importer"].get("artifactUri", {})
        if uri.get("constant") == "" or not uri:
            yield "imports an empty URI, which fails when it runs"
    elif "container" not in executor:
        yield "has no container"
    elif not executor["container"].get("image"):
        yield "has no image"
    if "lifecycle" in executor.get("container", {}):
        yield "has a lifecycle hook, which open-source Kubeflow does not call"


def _check_platform(spec: dict[str, Any], platform: dict[str, Any]) -> Iterator[Problem]:
    """The second document."""
    problems = list(_strict_platform(platform))
    if problems:
        yield from problems
        return
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for label, body in sorted(executors.items()):
        if label not in spec["deploymentSpec"]["executors"]:
            yield Problem(f"executor {label}", "has settings for Kubernetes but is not in the package")
        for field in sorted(_IGNORED.keys() & body.keys()):
            yield Problem(f"executor {label}", f"has {field}, which the backend ignores; {_IGNORED[field]}")


def _strict_platform(platform: dict[str, Any]) -> Iterator[Problem]:
    """Unknown fields: one outside of an executor makes the backend drop the whole document without a word."""
    try:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    except json_format.ParseError as error:
        yield Problem("platform document", flat(error))
        return
    unknown = sorted(platform["platforms"].keys() - {"kubernetes"})
    if unknown:
        yield Problem("platform document", f"has the unknown platform {unknown[0]}, expected kubernetes")
    for label, body in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].items():
        try:
            json_format.ParseDict(body, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        except json_format.ParseError as error:
            yield Problem(f"executor {label}", flat(error))
