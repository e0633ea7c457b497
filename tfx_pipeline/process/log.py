"""The run's log: everything that TFX, Beam and TensorFlow say, while the console stays free for the person."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from absl import logging as absl_logging

from tfx_pipeline.process.signals import SIGNALS

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_SECONDS: Final = 5


@contextlib.contextmanager
def captured_output(log_file: Path) -> Iterator[TextIO]:
    """Sends standard output and standard error, also those of C++ code and of child processes, to a log file.

    Args:
        log_file: Is appended to, with secrets taken out.

    Yields:
        The real standard output, for the console.

    Raises:
        OSError: The file cannot be written.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with _writer(log_file) as pipe, os.fdopen(os.dup(1), "w", encoding="utf-8") as console:
        level = logging.getLogger().level
        handler = _log_to(sys.stderr)
        saved = [os.dup(1), os.dup(2)]
        try:
            for descriptor in (1, 2):
                os.dup2(pipe, descriptor)
            yield console
        finally:
            logging.getLogger().removeHandler(handler)
            logging.getLogger().setLevel(level)
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


@contextlib.contextmanager
def _writer(log_file: Path) -> Iterator[int]:
    """Starts the process that writes the log, and waits for its end; yields the pipe to it."""
    with log_file.open("ab", buffering=0) as log, _blocked_signals():
        source, pipe = os.pipe()
        command = [sys.executable, "-S", "-m", "tfx_pipeline.process.log_writer"]
        writer = subprocess.Popen(command, cwd=_ROOT, stdin=source, stdout=log, stderr=subprocess.DEVNULL)  # noqa: S603
    os.close(source)
    try:
        yield pipe
    finally:
        os.close(pipe)
        try:
            writer.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            # A process that outlived the run holds the pipe open: nobody needs what it may still say.
            writer.kill()
            writer.wait()


@contextlib.contextmanager
def _blocked_signals() -> Iterator[None]:
    """Lets a process that is started meanwhile survive Ctrl-C, which the terminal sends to all: it must end last."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _log_to(stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    absl_logging.set_verbosity(absl_logging.INFO)
    return handler
