"""What an executor input lacks before TFX can read it, one pure function for each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.kubeflow.step import tensorboard_viewer
from tfx_pipeline.kubeflow.step.local_paths import WORKSPACE_FLAG, local_path
from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, is_file, map_artifacts, map_metadata, title_of
from tfx_pipeline.process.files import remove
from tfx_pipeline.process.host_paths import require_no_pattern

BACKEND_OUTPUTS: Final = frozenset({"executor-logs", tensorboard_viewer.OUTPUT})
"""Outputs that no executor knows: the log, which the launcher writes, and what the page alone reads."""

LAUNCHER_METADATA: Final = frozenset({"display_name", "store_session_info", WORKSPACE_FLAG})
"""The backend's metadata, which a step would take for the artifact's own properties."""

BOXES: Final = frozenset({"list", "struct"})
"""Keys under which ML Metadata keeps a list or a dictionary."""


TFX_TEMPORARY: Final = ".temp"
"""Where TFX and Beam keep what is not finished: beside the output file."""


def prepare(executor_input: Message, inputs_spec: Message) -> Message:
    """Makes the executor input that a step understands.

    Args:
        executor_input: An ``ExecutorInput`` as the launcher passes it.
        inputs_spec: The component's ``ComponentInputsSpec``.

    Returns:
        A new message; its URIs are local paths.

    Raises:
        UserError: An artifact's path is a pattern for TensorFlow and Beam.
    """
    message = without_backend_outputs(executor_input)
    message = with_input_types(message, inputs_spec)
    message = without_absent_inputs(message, inputs_spec)
    message = with_names(message)
    message = with_local_uris(message)
    require_no_patterns(message)
    return with_plain_metadata(message)


def without_backend_outputs(executor_input: Message) -> Message:
    """Leaves out the artifacts of type ``system.Artifact``, which TFX takes for a Python class."""
    outputs = executor_input.get("outputs", {})
    kept = {key: value for key, value in outputs.get("artifacts", {}).items() if key not in BACKEND_OUTPUTS}
    return {**executor_input, "outputs": {**outputs, "artifacts": kept}}


def with_input_types(executor_input: Message, inputs_spec: Message) -> Message:
    """Restores the type of each input, which ML Metadata does not give back, from the component's definition."""
    specs = inputs_spec.get("artifacts", {})

    def restore(key: str, artifact: Message) -> Message:
        return {**artifact, "type": specs[key]["artifactType"]} if key in specs else artifact

    return {**executor_input, "inputs": map_artifacts(executor_input.get("inputs", {}), restore)}


def without_absent_inputs(executor_input: Message, inputs_spec: Message) -> Message:
    """Leaves out each optional input that holds no file: the launcher downloads nothing and does not say so."""
    inputs = executor_input.get("inputs", {})
    specs = inputs_spec.get("artifacts", {})
    absent = {
        key
        for key, artifact in artifacts_of(inputs)
        if specs.get(key, {}).get("isOptional") and not _has_file(artifact)
    }
    kept = {key: value for key, value in inputs.get("artifacts", {}).items() if key not in absent}
    return {**executor_input, "inputs": {**inputs, "artifacts": kept}}


def _has_file(artifact: Message) -> bool:
    path = Path(local_path(artifact))
    # A file in the place of a directory is what `write_properties` leaves where a step wrote nothing.
    return path.is_file() if is_file(artifact) else any(child.is_file() for child in path.rglob("*"))


def with_class_paths(executor_input: Message, class_paths: Mapping[str, str]) -> Message:
    """Names the class of each artifact type that TFX does not know; TFX takes an unknown title for an import path."""

    def name(_key: str, artifact: Message) -> Message:
        path = class_paths.get(title_of(artifact))
        return {**artifact, "type": {"schemaTitle": path}} if path else artifact

    return _map_both(executor_input, name)


def with_names(executor_input: Message) -> Message:
    """Names artifacts without a name, which those of ``kfp.local`` are: TFX's evaluator tells models apart by it."""
    return _map_both(executor_input, lambda _key, artifact: {"name": artifact["uri"], **artifact})


def with_local_uris(executor_input: Message) -> Message:
    """Replaces each URI by the launcher's local path: TFX reads and writes files, and the launcher transfers them."""

    def localize(_key: str, artifact: Message) -> Message:
        kept = {name: value for name, value in artifact.items() if name != "customPath"}
        return {**kept, "uri": local_path(artifact)}

    return _map_both(executor_input, localize)


def require_no_patterns(executor_input: Message) -> None:
    """Refuses, with a ``UserError``, paths that are patterns: the pipeline root of a run is what a user types."""
    for side in ("inputs", "outputs"):
        for key, artifact in artifacts_of(executor_input.get(side, {})):
            require_no_pattern(artifact["uri"], f"pipeline root: the artifact {key} at")


def with_plain_metadata(executor_input: Message) -> Message:
    """Takes the inputs' lists and dictionaries out of their boxes, and leaves out what is the backend's own."""

    def unpack(_key: str, metadata: Message) -> Message:
        return {name: unboxed(value) for name, value in metadata.items() if name not in LAUNCHER_METADATA}

    return {**executor_input, "inputs": map_metadata(executor_input.get("inputs", {}), unpack)}


def unboxed(value: Any) -> Any:
    """Takes a list or a dictionary out of the box that ``StructValueToMLMDValue`` (converter.go) put it in."""
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= BOXES:
        return next(iter(value.values()))
    return value


def _map_both(executor_input: Message, change: Callable[[str, Message], Message]) -> Message:
    sides = {side: map_artifacts(executor_input.get(side, {}), change) for side in ("inputs", "outputs")}
    return {**executor_input, **sides}


def make_directories(executor_input: Message) -> None:
    """Makes each artifact's directory, as an orchestrator of TFX does; for an artifact that is a file, its parent.

    The launcher makes only the parents of outputs. An input without files has no directory at all, since an object
    store knows none, or is the file that ``write_properties`` left; locally it would have an empty one.

    Args:
        executor_input: A message with local paths and TFX's own type titles.
    """
    for side in ("inputs", "outputs"):
        for _key, artifact in artifacts_of(executor_input.get(side, {})):
            path = Path(local_path(artifact))
            if is_file(artifact):
                path.parent.mkdir(parents=True, exist_ok=True)
                continue
            if path.is_file():
                path.unlink()
            path.mkdir(parents=True, exist_ok=True)


def remove_outputs(executor_input: Message) -> None:
    """Removes what an attempt left where the outputs belong, but not the log, which the launcher keeps open.

    Args:
        executor_input: An ``ExecutorInput`` as the launcher passes it.
    """
    outputs = without_backend_outputs(executor_input)["outputs"]
    beside = Path(outputs["outputFile"]).with_name(TFX_TEMPORARY)
    for path in [beside, *(Path(local_path(artifact)) for _key, artifact in artifacts_of(outputs))]:
        remove(path)
