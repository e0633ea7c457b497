"""Runs a step by TFX's own entrypoint for Kubeflow, unchanged."""

import argparse
import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tfx_pipeline.kubeflow.step.executor_input import with_class_paths
from tfx_pipeline.kubeflow.step.messages import Message
from tfx_pipeline.process.imports import loading

OUTPUT_FILE: Final = "tfx_output.json"
"""Where TFX writes its output: beside the launcher's file, which must appear only when it is complete.

TFX would take a file from an earlier attempt for a driver's output, so it is removed first.
"""

_KFP_SWITCH: Final = "_KFP_RUNTIME"

CLASS_PATHS: Final = {
    f"system.{name}": f"tfx_pipeline.record.system_types.{name}"
    for name in ("HTML", "Markdown", "Metrics", "ClassificationMetrics")
}
"""Import path of the artifact class by type title, for the types that TFX does not know."""


def run_executor(
    executor_class_path: str, executor_input: Message, inputs_spec: Message, beam_args: list[str]
) -> Message:
    """Runs an executor.

    Raises:
        UserError: Beam's runner cannot work from here.
        Exception: Whatever the executor raises.
    """
    outputs = executor_input["outputs"]
    output_file = Path(outputs["outputFile"]).with_name(OUTPUT_FILE)
    output_file.unlink(missing_ok=True)
    message = with_class_paths({**executor_input, "outputs": {**outputs, "outputFile": str(output_file)}}, CLASS_PATHS)
    namespace = argparse.Namespace(
        executor_class_path=executor_class_path,
        json_serialized_invocation_args=json.dumps(message),
        json_serialized_inputs_spec_args=json.dumps(inputs_spec),
    )
    entrypoint = _entrypoint()
    from tfx_pipeline.beam.options import require_runner  # noqa: PLC0415 - Beam, which TFX has loaded now

    entrypoint((namespace, require_runner(beam_args)))
    output: Message = json.loads(output_file.read_text(encoding="utf-8"))
    output_file.unlink()
    return output


def uses_beam(executor_class_path: str) -> bool:
    """Whether an executor computes with Beam, by its class's import path."""
    _entrypoint()
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor  # noqa: PLC0415 - TFX, loaded now
    from tfx.utils import import_utils  # noqa: PLC0415

    return issubclass(import_utils.import_class_by_path(executor_class_path), BaseBeamExecutor)


@functools.cache
def _entrypoint() -> Callable[[tuple[argparse.Namespace, list[str]]], None]:
    """Imports TFX's entrypoint, with all that TFX loads."""
    with _kfp_without_compiler(), loading():
        from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor  # noqa: PLC0415 - see above

    entrypoint: Callable[[tuple[argparse.Namespace, list[str]]], None] = kubeflow_v2_run_executor.main
    return entrypoint


@contextlib.contextmanager
def _kfp_without_compiler() -> Iterator[None]:
    """Keeps `import kfp` from loading the SDK's compiler and client, by the SDK's own switch.

    TFX needs one protobuf module of the SDK, and no step needs more. The switch holds for the import alone: programs
    that a step starts may use all of the SDK.
    """
    with contextlib.ExitStack() as stack:
        if _KFP_SWITCH not in os.environ:
            os.environ[_KFP_SWITCH] = "true"
            stack.callback(os.environ.pop, _KFP_SWITCH)
        yield
