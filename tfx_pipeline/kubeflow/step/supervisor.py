"""Runs a step in a child process, and again where what ended it may pass.

The server does not do so everywhere: Kubeflow Pipelines 2.17 replaces lost pods alone, and a crash or a lost connection
would end the run.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Final

from tfx_pipeline.process.errors import UserError, causes, is_disk_full
from tfx_pipeline.process.signals import BASE_CODE, SIGNALS, leave

WAITS: Final = "STEP_RETRY_WAITS"
"""Environment variable with the seconds before each retry, such as "30 60"; without it, a step runs once."""

PASSING: Final = 75
"""Exit code of a step whose error may pass: EX_TEMPFAIL of sysexits.h."""

_LASTING: Final = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
_PASSING_OF_TENSORFLOW: Final = frozenset({"AbortedError", "DeadlineExceededError", "UnavailableError"})


def may_pass(error: BaseException) -> bool:
    """Whether an error may be gone the next time: one of the network or of a disk, which no ``UserError`` explains."""
    chain = list(causes(error))
    return not any(isinstance(cause, UserError) for cause in chain) and any(map(_is_passing, chain))


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return not isinstance(error, _LASTING) and not is_disk_full(error)
    return type(error).__name__ in _PASSING_OF_TENSORFLOW


def supervise(
    step: Callable[[], int], clean: Callable[[], None], running: Callable[[], str] = lambda: "the step"
) -> int:
    """Runs a step in a child until it succeeds, fails for good, or has been tried as often as ``WAITS`` says.

    Gives the exit code: 0, 1, or that of the signal that asked this process to end.
    """
    for wait in os.environ.get(WAITS, "").split():
        code, asked_to_end = _run_child(step)
        if asked_to_end or not _may_be_repeated(code):
            return BASE_CODE + asked_to_end if asked_to_end else code
        _say(f"{_ended(running(), code)}; it is tried again in {wait} s")
        clean()
        time.sleep(float(wait))
    code, asked_to_end = _run_child(step)
    if code < 0 and not asked_to_end:
        _say(f"error: {_ended(running(), code)}; where its memory ran out, raise memory_limit")
    return BASE_CODE + asked_to_end if asked_to_end else min(abs(code), 1)


def _may_be_repeated(code: int) -> bool:
    return code < 0 or code == PASSING


def _ended(name: str, code: int) -> str:
    return f"{name} was ended by {signal.Signals(-code).name}" if code < 0 else f"{name} failed for what may pass"


def _run_child(step: Callable[[], int]) -> tuple[int, int]:
    """Runs a step once; returns its exit code, negative for a signal, and the signal that this process was sent or 0.

    Nothing has started a thread yet, so a fork is safe, and it spares the imports that a new interpreter would repeat.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # One that comes before it can be passed on would end this process alone, and leave the step to nobody.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.fork()
    if child == 0:
        _be_child(step)
    with _forwarded(child) as received:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started does not outlive it
    return code, received[0] if received else 0


def _be_child(step: Callable[[], int]) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = step()
    except BaseException:  # noqa: BLE001 - nothing of this process may go on in the parent's code
        traceback.print_exc()
    finally:
        leave(code)


@contextlib.contextmanager
def _forwarded(child: int) -> Iterator[list[int]]:
    """Passes on signals that ask this process to end; yields those that came."""
    received: list[int] = []

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the container's log
