"""Copies what a run says into its log without secrets and arrays, in a process of its own.

A thread could deadlock with the run: it would wait for a library that writes while it holds Python's lock, and the
library for the thread.
"""

import contextlib
import os
import sys

from tfx_pipeline.process.errors import readable
from tfx_pipeline.process.redaction import redact

CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
KEPT = 1 << 18
"""Bytes that are kept while the disk is full: the end of the log says what happened."""


def copy(source: int, log: int) -> None:
    """Copies line by line until the source is closed.

    Args:
        source: File descriptor that is read.
        log: File descriptor that is written; where it has no room, the newest lines wait for some.
    """
    line, waiting = b"", b""
    while data := os.read(source, CHUNK):
        lines, newline, line = (line + data).rpartition(b"\n")
        if len(line) > LONGEST_LINE:
            lines, line = line, b""
        waiting = _write(log, waiting + _redacted(lines + newline))
    _write(log, waiting + _redacted(line))


def _redacted(data: bytes) -> bytes:
    return readable(redact(data.decode("utf-8", "surrogateescape"))).encode("utf-8", "surrogateescape")


def _write(log: int, data: bytes) -> bytes:
    """Writes what there is room for and returns the rest, at most ``KEPT`` bytes of it."""
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(log, data) :]
    return data[-KEPT:]


if __name__ == "__main__":
    copy(sys.stdin.fileno(), sys.stdout.fileno())
