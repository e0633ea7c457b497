"""Runs the steps that need no TFX in a process that never loads it."""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Final

from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, map_metadata
from tfx_pipeline.steps.table import STEPS

WORK: Final = {f"{step.component}_Executor": step.work for step in STEPS if step.work}
"""The function that does the work of an executor class, both by their import paths.

A package names each step's executor class. Importing one of these would load TFX and TensorFlow: three to six seconds
for milliseconds of work. TFX calls the same functions when the pipeline runs locally.
"""


class LocalArtifact:
    """An artifact of an executor input, with what ``tfx_pipeline.steps`` uses of TFX's artifacts.

    Attributes:
        uri: The local path.
        metadata: The properties.
    """

    def __init__(self, uri: str, metadata: Message) -> None:
        self.uri = uri
        self.metadata = dict(metadata)

    @property
    def split_names(self) -> str:
        """The splits as a JSON list."""
        return self.get_string_custom_property("split_names")

    def get_int_custom_property(self, key: str) -> int:
        """Reads an integer, which the backend gives back as a floating-point number; 0 where there is none."""
        return int(self.metadata.get(key, 0))

    def get_string_custom_property(self, key: str) -> str:
        """Reads a text; "" where there is none."""
        return str(self.metadata.get(key, ""))

    def set_int_custom_property(self, key: str, value: int) -> None:
        """Writes an integer."""
        self.metadata[key] = value

    def set_string_custom_property(self, key: str, value: str) -> None:
        """Writes a text."""
        self.metadata[key] = value


def step_of(executor_class_path: str) -> Callable[..., None] | None:
    """The function that does the work of an executor, by its class's import path; None where TFX must run it."""
    if executor_class_path not in WORK:
        return None
    module, _, name = WORK[executor_class_path].rpartition(".")
    function: Callable[..., None] = getattr(import_module(module), name)
    return function


def run_step(step: Callable[..., None], executor_input: Message) -> Message:
    """Calls a step with the artifacts and parameters of an executor input.

    Args:
        step: Takes each input, output and parameter by its key; a parameter that it does not take is meant for the
            backend.
        executor_input: A prepared ``ExecutorInput``, with local paths.

    Returns:
        An ``ExecutorOutput`` with what the step wrote as metadata.
    """
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    artifacts = {
        key: LocalArtifact(artifact["uri"], artifact.get("metadata", {}))
        for side in (inputs, outputs)
        for key, artifact in artifacts_of(side)
    }
    taken = inspect.signature(step).parameters
    parameters = {key: value for key, value in inputs.get("parameterValues", {}).items() if key in taken}
    step(**artifacts, **parameters)
    return map_metadata({"artifacts": outputs["artifacts"]}, lambda key, _metadata: artifacts[key].metadata)
