"""Checks an object against the OpenAPI schema of a CustomResourceDefinition, as an API server does, strictly."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
KNOWN = {
    "type", "properties", "additionalProperties", "required", "items", "pattern", "minLength", "maxLength", "minItems",
    "anyOf", "default", "enum", "format",
}  # fmt: skip


def violations(document: dict[str, Any], definition: Path) -> list[str]:
    """What is wrong with a document; a field that the schema does not have is, too."""
    crd = yaml.safe_load(definition.read_text())["spec"]
    (version,) = crd["versions"]
    expected = {"apiVersion": f"{crd['group']}/{version['name']}", "kind": crd["names"]["kind"]}
    found = [f"{key}: {document.get(key)}" for key, value in expected.items() if document.get(key) != value]
    schema = version["schema"]["openAPIV3Schema"]
    properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return found + list(_of(document, {**schema, "properties": properties | schema["properties"]}, ""))


def _of(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    assert {key for key in schema if not key.startswith("x-kubernetes-")} <= KNOWN, f"{path}: {sorted(schema)}"
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    kind = TYPES.get(schema.get("type", ""), (int, str))
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{path}: {value!r} is no {schema.get('type')}"
    elif isinstance(value, dict):
        yield from _of_object(value, schema, path)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too few"
        for index, item in enumerate(value):
            yield from _of(item, schema["items"], f"{path}[{index}]")
    elif value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {value!r} is not {schema['pattern']}"


def _of_object(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{key}: missing" for key in schema.get("required", []) if key not in value)
    if not schema.keys() & {"properties", "additionalProperties"}:
        return  # metadata
    for key, item in value.items():
        inner = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
        if inner is None:
            yield f"{path}.{key}: unknown"
        else:
            yield from _of(item, inner, f"{path}.{key}")
