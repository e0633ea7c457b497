"""ML Metadata as the backend uses it (`backend/src/v2/metadata`)."""

from typing import Any

import yaml
from google.protobuf import json_format
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

SESSION = '{"Provider":"minio","Params":{"endpoint":"minio-service.kubeflow:9000"}}'
WORKSPACE_FLAG = "_kfp_workspace"


class Metadata:
    """A real metadata store, in memory."""

    def __init__(self) -> None:
        config = metadata_store_pb2.ConnectionConfig()
        config.fake_database.SetInParent()
        self._store = MetadataStore(config)

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
