"""What ML Metadata knows of a run on Kubeflow: the state and the outputs of each step."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service

Call = Callable[[str, Any], Any]
"""Calls a method of ``MetadataStoreService`` by its name with a request, and returns the response."""

DONE: Final = frozenset({"COMPLETE", "CACHED"})
_RUN: Final = "system.PipelineRun"
_STEP: Final = "system.ContainerExecution"
_PAGE: Final = 100


class Output(NamedTuple):
    """An artifact that a step made, or took from an earlier run.

    Attributes:
        kind: Its type, such as ``system.HTML``.
        uri: Where it is.
        properties: Its custom properties; numbers are floating-point ones.
    """

    kind: str
    uri: str
    properties: Mapping[str, Any]


class Execution(NamedTuple):
    """A step that began.

    Attributes:
        state: ML Metadata's: COMPLETE, CACHED, FAILED, CANCELED, or RUNNING, also where its pod is gone.
        outputs: By key.
    """

    state: str
    outputs: Mapping[str, Output]


def read_run(call: Call, run_id: str) -> dict[str, Execution]:
    """Reads the last execution of each step of a run that began, by the step's name.

    Raises:
        Exception: What ``call`` raises.
    """
    context = call(
        "GetContextByTypeAndName", service.GetContextByTypeAndNameRequest(type_name=_RUN, context_name=run_id)
    ).context
    if not context.id:
        return {}
    steps = {e.custom_properties["task_name"].string_value: e for e in _executions(call, context.id)}
    outputs = _outputs(call, [execution.id for execution in steps.values()])
    return {
        name: Execution(pb.Execution.State.Name(execution.last_known_state), outputs.get(execution.id, {}))
        for name, execution in steps.items()
    }


def _executions(call: Call, context_id: int) -> Iterator[pb.Execution]:
    """The containers' executions; of a step that was tried again by the server, the last one comes last."""
    found, token = [], ""
    while True:
        options = pb.ListOperationOptions(max_result_size=_PAGE, next_page_token=token)
        page = call(
            "GetExecutionsByContext", service.GetExecutionsByContextRequest(context_id=context_id, options=options)
        )
        found += [execution for execution in page.executions if execution.type == _STEP]
        token = page.next_page_token
        if not token:
            yield from sorted(found, key=lambda execution: execution.id)
            return


def _outputs(call: Call, executions: list[int]) -> dict[int, dict[str, Output]]:
    """The outputs of executions by key."""
    events = call("GetEventsByExecutionIDs", service.GetEventsByExecutionIDsRequest(execution_ids=executions)).events
    made = [event for event in events if event.type == pb.Event.OUTPUT]
    ids = sorted({event.artifact_id for event in made})
    answer = call("GetArtifactsByID", service.GetArtifactsByIDRequest(artifact_ids=ids))
    artifacts = {artifact.id: artifact for artifact in answer.artifacts}
    found: dict[int, dict[str, Output]] = {}
    for event in made:
        if event.artifact_id in artifacts:
            key = event.path.steps[0].key
            found.setdefault(event.execution_id, {})[key] = _output(artifacts[event.artifact_id])
    return found


def _output(artifact: pb.Artifact) -> Output:
    properties = {name: _value(value) for name, value in artifact.custom_properties.items()}
    return Output(artifact.type, artifact.uri, properties)


def _value(value: pb.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        return json_format.MessageToDict(value.struct_value)
    return float(value.int_value) if kind == "int_value" else getattr(value, kind) if kind else None
