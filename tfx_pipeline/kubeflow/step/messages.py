"""What an executor input and an executor output have in common."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tfx_pipeline.process.files import write_atomically

Message = dict[str, Any]
"""A JSON message of Kubeflow Pipelines' ``pipeline_spec.proto``, or a part of one."""

FILE_TITLES: Final = frozenset(
    {
        "tfx.Boolean",
        "tfx.Bytes",
        "tfx.Float",
        "tfx.Integer",
        "tfx.JsonValue",
        "tfx.String",
        "system.HTML",
        "system.Markdown",
    }
)
"""Types whose URI is a file; that of every other type is a directory."""


def artifacts_of(messages: Message) -> Iterator[tuple[str, Message]]:
    """Lists the artifacts of the ``inputs`` or ``outputs`` of a message, each with its key."""
    for key, value in messages.get("artifacts", {}).items():
        for artifact in value.get("artifacts", []):
            yield key, artifact


def map_artifacts(messages: Message, change: Callable[[str, Message], Message]) -> Message:
    """Copies ``inputs`` or ``outputs`` with every artifact changed; ``change`` gets its key and the artifact."""
    artifacts = {
        key: {**value, "artifacts": [change(key, artifact) for artifact in value.get("artifacts", [])]}
        for key, value in messages.get("artifacts", {}).items()
    }
    return {**messages, "artifacts": artifacts}


def map_metadata(messages: Message, change: Callable[[str, Message], Message]) -> Message:
    """Copies ``inputs`` or ``outputs`` with every artifact's metadata changed; ``change`` gets the artifact's key."""
    return map_artifacts(messages, lambda key, a: {**a, "metadata": change(key, a.get("metadata", {}))})


def title_of(artifact: Message) -> str:
    """The title of an artifact's type, such as ``tfx.Model``; "" where the type is not known."""
    kind = artifact.get("type", {})
    schema = yaml.safe_load(kind.get("instanceSchema") or "") or {}
    title: str = kind.get("schemaTitle") or schema.get("title", "")
    return title


def is_file(artifact: Message) -> bool:
    """Whether the artifact is one file rather than a directory."""
    return title_of(artifact) in FILE_TITLES


def write_message(path: Path, message: Message) -> None:
    """Writes a message as JSON, whole or not at all: the launcher reads whatever it finds.

    Args:
        path: The file; its directory is made where it does not exist.
        message: Any JSON message; a number that JSON does not know is refused, as the launcher would.

    Raises:
        ValueError: The message holds NaN or an infinity.
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(message, allow_nan=False))
