"""Runs a program that downloads, and ends it when the network stays silent."""

import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tfx_pipeline.process.errors import UserError

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
# What a second try may take: what got lost, or waited for a busy machine, comes at once then.
_SECOND_TRY_SECONDS = 1.0
# A program that only computes, and never gets anything, is ended after so many times its patience.
_LONGEST = 30
# Once data flows, a pause this long is the network's, not the source's refusal to answer.
STALL_SECONDS = 10.0


class SourceUnavailableError(UserError):
    """A source that does not answer or gives no usable data; the line says why."""


class Fetched(NamedTuple):
    """What a source delivered: a folder (path or URL) of IDX files, its origin in words, its form, what else to say."""

    folder: str
    origin: str
    form: str = "idx"
    notes: tuple[str, ...] = ()


Fetch = Callable[[Path, float], Fetched]
"""Downloads into an empty folder; the seconds are those that a server may take to answer."""


class Finished(NamedTuple):
    """How a program ended: its return code and what it printed."""

    code: int
    stdout: str
    stderr: str


def run_watched(
    arguments: Sequence[str],
    work: Path,
    patience: Sequence[float],
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Finished:
    """Runs a program for as long as files keep growing, and once more where it got nothing.

    Args:
        arguments: The program and its arguments.
        work: Folder where the program puts what it receives; its size tells whether anything arrives.
        patience: Seconds to wait for something to arrive: first value until the first arrival, second until the
            next, and so on; the last one is repeated. Only the time counts in which the program waits: not what it
            computes, nor what a busy machine keeps it from.
        environment: Environment variables to add.
        directory: Where the program runs.

    Returns:
        The return code and output.

    Raises:
        SourceUnavailableError: Nothing arrived for that long, twice; the program has been ended.
        FileNotFoundError: There is no such program.
    """
    finished, silent = _try(arguments, work, patience, environment, directory)
    if finished is None:
        shorter = [min(_SECOND_TRY_SECONDS, limit) if limit == silent else limit for limit in patience]
        finished, _ = _try(arguments, work, shorter, environment, directory)
    if finished is None:
        raise SourceUnavailableError(f"nothing arrived for {silent:.2g} s")
    return finished


def _try(
    arguments: Sequence[str],
    work: Path,
    patience: Sequence[float],
    environment: Mapping[str, str] | None,
    directory: Path | None,
) -> tuple[Finished | None, float]:
    """Runs the program once; returns how it ended, or None and the patience that ran out."""
    # Files, not pipes: a grandchild that outlives the program could hold a pipe open.
    logs = work.with_name(f"{work.name}.out"), work.with_name(f"{work.name}.err")
    with logs[0].open("w") as out, logs[1].open("w") as err:
        process = subprocess.Popen(  # noqa: S603  fixed programs, no shell
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            cwd=directory,
        )
        try:
            silent = _wait(process, work, patience)
        finally:
            process.kill()
            process.wait()
    texts = [log.read_text(errors="replace") for log in logs]
    _LOG.debug("%s returned %s\n%s%s", arguments[0], process.returncode, *texts)
    return (Finished(process.returncode, *texts), 0.0) if silent is None else (None, silent)


def _wait(process: subprocess.Popen[bytes], work: Path, patience: Sequence[float]) -> float | None:
    """Waits for the end; returns None then, or the patience in seconds that ran out before it."""
    arrivals, size, waited, since = 0, _bytes_under(work), 0.0, time.monotonic()
    while True:
        begin = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
            return None
        limit = patience[min(arrivals, len(patience) - 1)]
        if (now := _bytes_under(work)) != size:
            arrivals, size, waited, since = arrivals + 1, now, 0.0, time.monotonic()
        elif _waits(process.pid):
            # A longer pause is this process's own: it did not get the processor.
            waited += min(time.monotonic() - begin, 2 * _POLL_SECONDS)
        if waited > limit or time.monotonic() - since > _LONGEST * limit:
            return limit


def _waits(process: int | str) -> bool:
    """Whether a process and its children sleep; False where one computes, reads the disk or was stopped."""
    folder = Path("/proc", str(process))
    try:
        state = (folder / "stat").read_text().rpartition(") ")[2][0]
        children = (folder / "task" / str(process) / "children").read_text().split()
    except OSError:  # it ended, or this system does not tell
        return True
    return state not in "RDT" and all(map(_waits, children))


def _bytes_under(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # moved meanwhile
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118  called often
    return total
