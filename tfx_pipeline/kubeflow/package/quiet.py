"""Compiles without the noise of the libraries, which is shown only when something breaks that nobody foresaw."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.log import captured_output


def write_quietly(config: Config, path: Path) -> dict[str, Any]:
    """Writes the package.

    Args:
        config: Every value in force.
        path: The file, ``.yaml``.

    Returns:
        The package's first document.

    Raises:
        UserError: The backend would reject the package, or the file cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        try:
            with captured_output(log):
                # TensorFlow talks when it is imported, and takes seconds.
                from tfx_pipeline.kubeflow.package.compile import write_package  # noqa: PLC0415

                return write_package(config, path).spec
        except UserError:
            raise
        except Exception:
            sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))
            raise
