"""ML Metadata as the backend uses it (`backend/src/v2/metadata`)."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import yaml
from google.protobuf import json_format
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2, metadata_store_service_pb2_grpc

SESSION = '{"Provider":"minio","Params":{"endpoint":"minio-service.kubeflow:9000"}}'
WORKSPACE_FLAG = "_kfp_workspace"


class Metadata:
    """A real metadata store, in memory."""

    def __init__(self) -> None:
        config = metadata_store_pb2.ConnectionConfig()
        config.fake_database.SetInParent()
        self._store = MetadataStore(config)

    def begin(self, run_id: str, task: str, kind: str = "system.ContainerExecution") -> int:
        """Records that a task begins, in the run's context, and returns its execution (`CreateExecution`)."""
        execution = metadata_store_pb2.Execution(
            type_id=self._store.put_execution_type(metadata_store_pb2.ExecutionType(name=kind)),
            last_known_state=metadata_store_pb2.Execution.RUNNING,
        )
        execution.custom_properties["task_name"].string_value = task
        contexts = []
        for context_kind, name in (("system.Pipeline", "pipeline"), ("system.PipelineRun", run_id)):
            type_id = self._store.put_context_type(metadata_store_pb2.ContextType(name=context_kind))
            contexts.append(metadata_store_pb2.Context(type_id=type_id, name=name))
        identifier, _, _ = self._store.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
        return int(identifier)

    def end(self, execution: int, state: str, outputs: Mapping[str, str]) -> None:
        """Records how a task ended, and the ids of its outputs by key (`PublishExecution`)."""
        (ended,) = self._store.get_executions_by_id([execution])
        ended.last_known_state = metadata_store_pb2.Execution.State.Value(state)
        pairs = []
        for key, identifier in outputs.items():
            event = metadata_store_pb2.Event(artifact_id=int(identifier), type=metadata_store_pb2.Event.OUTPUT)
            event.path.steps.add().key = key
            (artifact,) = self._store.get_artifacts_by_id([int(identifier)])
            pairs.append((artifact, event))
        self._store.put_execution(ended, pairs, [])

    @contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """Runs ML Metadata's server on loopback; gives the variables of `metadata-grpc-configmap`."""
        server = grpc.server(ThreadPoolExecutor(max_workers=1))
        metadata_store_service_pb2_grpc.add_MetadataStoreServiceServicer_to_server(Service(self._store), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield {"METADATA_GRPC_SERVICE_HOST": "127.0.0.1", "METADATA_GRPC_SERVICE_PORT": str(port)}
        finally:
            server.stop(None).wait()

    def record(self, key: str, artifact: dict[str, Any]) -> str:
        """Records an output and returns its id (`RecordArtifact`); of the type, only the title is kept."""
        kind = metadata_store_pb2.ArtifactType(name=title_of(artifact["type"]))
        type_id = self._store.put_artifact_type(kind, can_add_fields=True, can_omit_fields=True)
        recorded = metadata_store_pb2.Artifact(type_id=type_id, uri=artifact["uri"])
        for name, value in artifact.get("metadata", {}).items():
            if name != WORKSPACE_FLAG:
                _set(recorded.custom_properties[name], value)
        for name, value in {"display_name": key, "store_session_info": SESSION}.items():
            if name not in recorded.custom_properties:
                recorded.custom_properties[name].string_value = value
        (identifier,) = self._store.put_artifacts([recorded])
        return str(identifier)

    def read_back(self, identifier: str) -> dict[str, Any]:
        """An artifact as the next step gets it (`ToRuntimeArtifact`): without its type."""
        (artifact,) = self._store.get_artifacts_by_id([int(identifier)])
        metadata = {name: _get(value) for name, value in artifact.custom_properties.items()}
        return {"name": identifier, "type": {"instanceSchema": ""}, "uri": artifact.uri, "metadata": metadata}


class Service(metadata_store_service_pb2_grpc.MetadataStoreServiceServicer):
    """ML Metadata's own store behind its protocol."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store

    def call(self, method: str, request: Any) -> Any:
        """Calls a method by its name."""
        response = getattr(metadata_store_service_pb2, f"{method}Response")()
        self._store._call(method, request, response)
        return response


def _served(method: str) -> Any:
    return lambda self, request, _context: self.call(method, request)


for _method in (
    "GetContextByTypeAndName", "GetExecutionsByContext", "GetEventsByExecutionIDs", "GetArtifactsByID",
):  # fmt: skip
    setattr(Service, _method, _served(_method))


def title_of(kind: dict[str, str]) -> str:
    """The title of a type, without which the backend's metadata client ends the launcher."""
    title = kind.get("schemaTitle") or yaml.safe_load(kind["instanceSchema"])["title"]
    assert title
    return str(title)


def _set(target: metadata_store_pb2.Value, value: Any) -> None:
    """Keeps a value as `StructValueToMLMDValue` does: numbers as doubles, lists and structs in boxes, no null."""
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.int_value = int(value)
    elif isinstance(value, int | float):
        target.double_value = value
    elif isinstance(value, list | dict):
        target.struct_value.update({"list" if isinstance(value, list) else "struct": value})
    else:
        raise TypeError(f"unknown/unsupported value type {type(value).__name__}")


def _get(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        return json_format.MessageToDict(value.struct_value)
    return float(value.int_value) if kind == "int_value" else getattr(value, kind)
