"""An executor that fails in its first attempt in a pod, in the way that a run parameter says."""

import logging
import os
import signal
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor

from tfx_pipeline.process.errors import UserError

ERRORS = {"OSError": ConnectionResetError("reset"), "UserError": UserError("no such place"), "ValueError": ValueError()}


class Executor(base_executor.BaseExecutor):
    """Writes a model of one file; leaves part of it behind where it fails."""

    def Do(self, _: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:  # noqa: N802 - TFX's name
        """Does the work."""
        (model,) = output_dict["out"]
        attempts = Path("attempts")
        attempts.touch()
        before = attempts.read_text()
        attempts.write_text(f"{before}.")
        found = [path.name for path in Path(model.uri).iterdir()]
        logging.getLogger(__name__).warning("attempt %d finds %s", len(before) + 1, found)
        logging.getLogger(__name__).warning("checkpoints: %s", Path(os.environ["TRAINER_CHECKPOINTS"]).name)
        if not before:
            Path(model.uri, "half").touch()
            if exec_properties["message"] == "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ERRORS[exec_properties["message"]]
        Path(model.uri, "whole").touch()


class Before(base_executor.BaseExecutor):
    """A member that runs before it, and succeeds."""

    def Do(self, *_: Any) -> None:  # noqa: N802
        """Does nothing."""
        logging.getLogger(__name__).warning("before runs")
