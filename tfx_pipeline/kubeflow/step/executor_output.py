"""What an executor output needs before the launcher takes it, one pure function for each."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.kubeflow.step.local_paths import local_path
from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, map_artifacts, map_metadata, title_of

TFX_METADATA: Final = frozenset({"tfx_version", "__is_null__"})
"""What TFX marks every output with; the Kubeflow page shows it as a row among a report's metrics."""


def finish(executor_output: Message, executor_input: Message) -> Message:
    """Makes the executor output that the launcher takes.

    Args:
        executor_output: An ``ExecutorOutput`` with local paths.
        executor_input: The ``ExecutorInput`` as the launcher passed it.

    Returns:
        A new message with the fields that the launcher reads, and no other: it refuses what it does not know.
    """
    message = with_uris(executor_output, executor_input)
    message = with_remote_metadata(message, executor_input)
    message = without_nulls(message)
    message = without_report_noise(message, executor_input)
    return only_known_fields(message)


def with_uris(executor_output: Message, executor_input: Message) -> Message:
    """Restores the URI of each output: the launcher uploads nothing to a URI without a scheme, and only warns."""
    uris = {key: artifact["uri"] for key, artifact in artifacts_of(executor_input["outputs"])}
    return map_artifacts(executor_output, lambda key, artifact: {**artifact, "uri": uris.get(key, artifact["uri"])})


def with_remote_metadata(executor_output: Message, executor_input: Message) -> Message:
    """Replaces artifacts' local paths inside the metadata, such as the evaluator's ``current_model``, by their URIs."""
    uris = remote_uris(executor_input)
    return map_metadata(executor_output, lambda _key, metadata: {k: remote(v, uris) for k, v in metadata.items()})


def remote_uris(executor_input: Message) -> dict[str, str]:
    """The URI of every artifact of a step by its local path."""
    sides = (executor_input.get("inputs", {}), executor_input.get("outputs", {}))
    return {local_path(artifact): artifact["uri"] for side in sides for _key, artifact in artifacts_of(side)}


def remote(value: Any, uris: Mapping[str, str]) -> Any:
    """Replaces artifacts' paths by their URIs in a metadata value of any depth, also where more path follows."""
    if isinstance(value, dict):
        return {key: remote(item, uris) for key, item in value.items()}
    if isinstance(value, list):
        return [remote(item, uris) for item in value]
    if isinstance(value, str):
        path = next((p for p in uris if value == p or value.startswith(f"{p}/")), None)
        return value if path is None else uris[path] + value[len(path) :]
    return value


def without_nulls(executor_output: Message) -> Message:
    """Leaves out metadata without a value, which the launcher refuses after the step has succeeded."""
    return map_metadata(executor_output, lambda _key, data: {k: v for k, v in data.items() if v is not None})


def without_report_noise(executor_output: Message, executor_input: Message) -> Message:
    """Leaves out TFX's own marks from the ``system.*`` artifacts, whose metadata the Kubeflow page shows."""
    reports = {
        key for key, artifact in artifacts_of(executor_input["outputs"]) if title_of(artifact).startswith("system.")
    }

    def drop(key: str, metadata: Message) -> Message:
        return {k: v for k, v in metadata.items() if key not in reports or k not in TFX_METADATA}

    return map_metadata(executor_output, drop)


def write_properties(executor_output: Message, prepared: Message) -> None:
    """Writes a file with an artifact's properties in the place of each output's directory that holds no file.

    An artifact without an object is shown on the Kubeflow page as an error. Before a next step sees the file, it is
    an empty directory again.

    Args:
        executor_output: What the launcher will take.
        prepared: The prepared ``ExecutorInput``, with local paths.
    """
    properties = {key: artifact["metadata"] for key, artifact in artifacts_of(executor_output)}
    for key, artifact in artifacts_of(prepared["outputs"]):
        path = Path(artifact["uri"])
        if not path.exists() or (path.is_dir() and not any(child.is_file() for child in path.rglob("*"))):
            shown = {k: v for k, v in properties.get(key, {}).items() if k not in TFX_METADATA}
            shutil.rmtree(path, ignore_errors=True)
            path.write_text("".join(f"{k}: {json.dumps(v)}\n" for k, v in sorted(shown.items())) or "no files\n")


def only_known_fields(executor_output: Message) -> Message:
    """Keeps the fields that the launcher merges: each artifact's URI and metadata, and the parameters' values."""
    message = map_artifacts(executor_output, lambda _key, a: {"uri": a["uri"], "metadata": a["metadata"]})
    known = {"artifacts": message["artifacts"], "parameterValues": message.get("parameterValues")}
    return {key: value for key, value in known.items() if value}
