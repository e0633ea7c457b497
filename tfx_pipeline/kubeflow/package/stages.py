"""Makes one task of several neighbours in a compiled pipeline, so that they share a pod: its start and its downloads.

What the pipeline makes stays: each output of a member is an output of the stage, under its own name where no other
member has one of that name.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from tfx_pipeline.kubeflow.package.pipeline_spec import Spec
from tfx_pipeline.kubeflow.step.stage import Member

Key = tuple[str, str]
"""A component's name, and the key of an input, an output or a parameter."""

_PAIRS: Final = 3  # arguments of TFX's own, before the options for Beam


def with_stages(spec: Spec, stages: Mapping[str, Collection[str]]) -> Spec:
    """Replaces the members of each stage by one task.

    Args:
        spec: What TFX compiled.
        stages: The members of each stage, each after those that it needs.

    Returns:
        A spec whose other tasks take from the stages what they took from the members.
    """
    place = {member: stage for stage, members in stages.items() for member in members}
    published = _published(spec, stages)
    tasks = {name: _rewired(task, place, published) for name, task in spec["root"]["dag"]["tasks"].items()}
    composed = {stage: _Composer(spec, stage, members, tasks, published) for stage, members in stages.items()}
    executors = spec["deploymentSpec"]["executors"]
    gone = {spec["components"][member]["executorLabel"] for member in place}
    made = {f"{stage}_executor": composer.executor() for stage, composer in composed.items()}
    return {
        **spec,
        "root": {**spec["root"], "dag": {**spec["root"]["dag"], "tasks": _replaced(tasks, place) | {
            stage: composer.task() for stage, composer in composed.items()
        }}},
        "components": _replaced(spec["components"], place) | {
            stage: composer.component() for stage, composer in composed.items()
        },
        "deploymentSpec": {**spec["deploymentSpec"], "executors": _replaced(executors, gone) | made},
    }  # fmt: skip


def _replaced(values: Spec, gone: Collection[str]) -> Spec:
    return {name: value for name, value in values.items() if name not in gone}


def names(meanings: Mapping[Key, Any]) -> dict[Key, str]:
    """Names what a stage has in common: by its key, and by its component too where a key means several things."""
    found: dict[str, list[Any]] = {}
    for (_, key), meaning in meanings.items():
        if meaning not in found.setdefault(key, []):
            found[key].append(meaning)
    return {(name, key): key if len(found[key]) == 1 else f"{name}-{key}" for name, key in meanings}


def _published(spec: Spec, stages: Mapping[str, Collection[str]]) -> dict[Key, str]:
    """The stage's output of each output of a member."""
    result: dict[Key, str] = {}
    for members in stages.values():
        keys = [(member, key) for member in members for key in _definitions(spec, member, "output")]
        result |= names({key: key for key in keys})
    return result


def _definitions(spec: Spec, name: str, side: str, kind: str = "artifacts") -> Spec:
    result: Spec = spec["components"][name].get(f"{side}Definitions", {}).get(kind, {})
    return result


def _rewired(task: Spec, place: Mapping[str, str], published: Mapping[Key, str]) -> Spec:
    """The task, with stages in place of their members."""

    def rewired(source: Spec) -> Spec:
        output = source.get("taskOutputArtifact", {})
        key = output.get("producerTask"), output.get("outputArtifactKey")
        if key not in published:
            return source
        return {"taskOutputArtifact": {"producerTask": place[key[0]], "outputArtifactKey": published[key]}}

    inputs = task.get("inputs", {})
    artifacts = {name: rewired(source) for name, source in inputs.get("artifacts", {}).items()}
    result = {**task, "inputs": {**inputs, "artifacts": artifacts}} if artifacts else dict(task)
    if task.get("dependentTasks"):
        result["dependentTasks"] = sorted({place.get(name, name) for name in task["dependentTasks"]})
    return result


class _Composer:
    """Composes the parts of a stage from those of its members."""

    def __init__(
        self, spec: Spec, stage: str, members: Collection[str], tasks: Spec, published: Mapping[Key, str]
    ) -> None:
        self._spec, self._stage, self._members = spec, stage, members
        self._tasks = {member: tasks[member] for member in members}
        self._published = published
        self._parameters = names(dict(self._sources("parameters")))
        outside = {key: self._source(value) for key, value in self._sources("artifacts") if not self._is_made(value)}
        named = names({source: source for source in outside.values()})
        self._inputs = {key: named[source] for key, source in outside.items()}

    def _sources(self, kind: str) -> Iterable[tuple[Key, Any]]:
        for member, task in self._tasks.items():
            for key, value in task.get("inputs", {}).get(kind, {}).items():
                yield (member, key), value

    def _source(self, value: Spec) -> Key:
        output = value["taskOutputArtifact"]
        return output["producerTask"], output["outputArtifactKey"]

    def _is_made(self, value: Spec) -> bool:
        return self._source(value)[0] == self._stage

    def task(self) -> Spec:
        """The task, with each input and parameter once."""
        waits = {name for task in self._tasks.values() for name in task.get("dependentTasks", [])} - {self._stage}
        artifacts = {self._inputs[key]: value for key, value in self._sources("artifacts") if key in self._inputs}
        parameters = {self._parameters[key]: value for key, value in self._sources("parameters")}
        inputs = {kind: values for kind, values in (("artifacts", artifacts), ("parameters", parameters)) if values}
        task = {"taskInfo": {"name": self._stage}, "componentRef": {"name": self._stage}, "inputs": inputs}
        return task | ({"dependentTasks": sorted(waits)} if waits else {})

    def component(self) -> Spec:
        """The component, with the types of all that goes in and out."""
        artifacts = {
            name: {key: value for key, value in self._definition(owner, "input").items() if key != "isOptional"}
            for owner, name in self._inputs.items()
        }
        parameters = {name: self._definition(owner, "input", "parameters") for owner, name in self._parameters.items()}
        outputs = {
            self._published[member, key]: definition
            for member in self._members
            for key, definition in _definitions(self._spec, member, "output").items()
        }
        inputs = {kind: values for kind, values in (("artifacts", artifacts), ("parameters", parameters)) if values}
        return {
            "executorLabel": f"{self._stage}_executor",
            "inputDefinitions": inputs,
            "outputDefinitions": {"artifacts": outputs},
        }

    def _definition(self, owner: Key, side: str, kind: str = "artifacts") -> Spec:
        result: Spec = _definitions(self._spec, owner[0], side, kind)[owner[1]]
        return result

    def executor(self) -> Spec:
        """The container, which is told of the members."""
        described = [dataclasses.asdict(self._member(name)) for name in self._members]
        # The same text each time: Kubeflow's cache compares arguments.
        members = json.dumps(described, separators=(",", ":"), sort_keys=True)
        arguments = ["--members", members, "--json_serialized_invocation_args", "{{$}}"]
        return {"container": {**self._container(next(iter(self._members))), "args": arguments}}

    def _container(self, member: str) -> Spec:
        label = self._spec["components"][member]["executorLabel"]
        result: Spec = self._spec["deploymentSpec"]["executors"][label]["container"]
        return result

    def _member(self, name: str) -> Member:
        arguments = self._container(name)["args"]
        given = dict(zip(arguments[: 2 * _PAIRS : 2], arguments[1 : 2 * _PAIRS : 2], strict=True))
        sources = {key: value for (owner, key), value in self._sources("artifacts") if owner == name}
        made = {key: value["taskOutputArtifact"] for key, value in sources.items() if self._is_made(value)}
        return Member(
            name=name,
            executor_class_path=given["--executor_class_path"],
            inputs_spec=json.loads(given["--json_serialized_inputs_spec_args"]),
            options=arguments[2 * _PAIRS :],
            inputs={key: self._inputs[name, key] for key in sources.keys() - made.keys()},
            made={key: output["outputArtifactKey"] for key, output in made.items()},
            outputs={key: self._published[name, key] for key in _definitions(self._spec, name, "output")},
            parameters={key: named for (owner, key), named in self._parameters.items() if owner == name},
            last=not any(
                name in task.get("dependentTasks", []) for task in self._spec["root"]["dag"]["tasks"].values()
            ),
        )
