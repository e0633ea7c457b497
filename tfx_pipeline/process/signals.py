"""Ends a run in order when it is interrupted from outside."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final, NoReturn

from tfx_pipeline.process.errors import UserError

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BASE_CODE: Final = 128
"""What shells add to a signal's number for the exit code of a process that it ended."""
PATIENCE_SECONDS: Final = 20


class Interrupted(KeyboardInterrupt):
    """A signal that asks the process to end; a ``KeyboardInterrupt``, which libraries let through.

    Attributes:
        code: The exit code.
    """

    def __init__(self, number: int) -> None:
        name = signal.Signals(number).name
        super().__init__("interrupted (Ctrl-C)" if number == signal.SIGINT else f"ended by {name}")
        self.code = BASE_CODE + number


_received: Final[list[int]] = []
"""Signals that were raised as ``Interrupted``, the latest last."""


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Turns signals that ask the process to end into ``Interrupted``; one that the parent has ignored stays ignored."""
    _received.clear()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    _received.append(number)
    raise Interrupted(number)


def raise_missed() -> None:
    """Raises ``Interrupted`` once more where a library swallowed it, as Python itself does in a destructor."""
    if _received:
        raise Interrupted(_received[-1])


@contextlib.contextmanager
def exit_refused(step: str) -> Iterator[None]:
    """Makes an error of what would end the program from inside a step: ``sys.exit``, or an interrupt that nobody sent.

    Raises:
        UserError: The step's code asked to end the program; the signals that did are let through.
    """
    try:
        yield
    except (Exception, Interrupted):
        raise
    except BaseException as error:
        raise UserError(
            f"{step}: its code ended the program ({type(error).__name__}: {error}); have it return, or raise an error"
        ) from error


def ignore() -> None:
    """Ignores signals while the end of a run is written."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_soon(code: int) -> None:
    """Ignores further signals, and ends the process with this exit code where it has not ended in time by itself."""
    ignore()
    watchdog = threading.Timer(PATIENCE_SECONDS, os._exit, (code,))
    watchdog.daemon = True
    watchdog.start()


def leave(code: int) -> NoReturn:
    """Ends the process at once, without waiting for threads of Beam and TensorFlow."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
