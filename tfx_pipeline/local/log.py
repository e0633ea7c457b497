"""The run's log: everything that TFX, Beam and TensorFlow say, while the console stays free for the person."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from absl import logging as absl_logging


@contextlib.contextmanager
def captured_output(log_file: Path) -> Iterator[TextIO]:
    """Sends standard output and standard error, also those of C++ code and of child processes, to a log file.

    Args:
        log_file: Is appended to.

    Yields:
        The real standard output, for the console.

    Raises:
        OSError: The file cannot be written.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    with log_file.open("ab", buffering=0) as log, os.fdopen(os.dup(1), "w", encoding="utf-8") as console:
        level = logging.getLogger().level
        handler = _log_to(sys.stderr)
        try:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
            yield console
        finally:
            logging.getLogger().removeHandler(handler)
            logging.getLogger().setLevel(level)
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


def _log_to(stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    absl_logging.set_verbosity(absl_logging.INFO)
    return handler
