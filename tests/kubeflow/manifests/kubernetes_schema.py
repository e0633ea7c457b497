"""Checks objects against the schema of Kubernetes' own kinds, as its client for Python has it."""

import json
from types import SimpleNamespace
from typing import Any, Final

import kubernetes.client

MODELS: Final = {
    "ConfigMap": "V1ConfigMap", "Deployment": "V1Deployment", "NetworkPolicy": "V1NetworkPolicy", "Pod": "V1Pod",
    "PodTemplate": "V1PodTemplateSpec", "Service": "V1Service",
}  # fmt: skip


def understood(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """What Kubernetes reads in an object: equal to it, unless a field is unknown or of another type.

    Raises:
        ValueError: A field is missing.
    """
    client = kubernetes.client.ApiClient()
    return client.sanitize_for_serialization(
        client.deserialize(SimpleNamespace(data=json.dumps(document)), MODELS[kind])
    )
