"""Ends a run in order when it is interrupted from outside."""

import contextlib
import os
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Final, NoReturn

from tfx_pipeline.process.errors import UserError

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BASE_CODE: Final = 128
"""What shells add to a signal's number for the exit code of a process that it ended."""
PATIENCE_SECONDS: Final = 20
_LIBRARIES: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
"""Where code lies whose threads may die, as some do when they are done."""
_end_process: Final = os._exit


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
        _received.clear()


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    _received.append(number)
    raise Interrupted(number)


def raise_missed() -> None:
    """Raises ``Interrupted`` once more where a library swallowed it, as Python itself does in a destructor."""
    if _received:
        raise Interrupted(_received[-1])


@contextlib.contextmanager
def exit_refused(step: str) -> Iterator[None]:
    """Makes an error of what would end the program from inside a step, or leave it without a thread.

    That is ``sys.exit``, ``os._exit``, an interrupt that nobody sent, and an error or an exit that ends a thread which
    runs this project's or the user's code. Child processes may end as they like. C code that ends the process does.

    Raises:
        UserError: The step's code asked to end the program; the signals that did are let through.
    """
    endings: list[str] = []
    try:
        with _noting(endings):
            yield
    except Interrupted:
        raise
    except BaseException as error:
        if isinstance(error, UserError) or (isinstance(error, Exception) and not endings):
            raise
        raise _ended(step, endings or [_words(error)]) from error
    if endings:
        raise _ended(step, endings)


def _ended(step: str, endings: list[str]) -> UserError:
    return UserError(f"{step}: its code ended the program ({endings[0]}); have it return, or raise an error")


def _words(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@contextlib.contextmanager
def _noting(endings: list[str]) -> Iterator[None]:
    """Has ``os._exit`` raise instead, in this process, and notes its calls and what ends threads."""
    process, leave_process, hook = os.getpid(), os._exit, threading.excepthook

    def exit_process(status: int) -> NoReturn:
        if os.getpid() != process:
            leave_process(status)
        endings.append(f"os._exit({status})")
        raise SystemExit(status)

    def thread_died(died: threading.ExceptHookArgs) -> None:
        files = [frame.f_code.co_filename for frame, _line in traceback.walk_tb(died.exc_traceback)]
        if any(file.startswith("/") and not file.startswith(_LIBRARIES) for file in files):
            endings.append(f"{_words(died.exc_value)} in a thread")
        hook(died)

    os._exit, threading.excepthook = exit_process, thread_died
    try:
        yield
    finally:
        os._exit, threading.excepthook = leave_process, hook


def ignore() -> None:
    """Ignores signals while the end of a run is written."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_soon(code: int) -> None:
    """Ignores further signals, and ends the process with this exit code where it has not ended in time by itself."""
    ignore()
    watchdog = threading.Timer(PATIENCE_SECONDS, _end_process, (code,))
    watchdog.daemon = True
    watchdog.start()


def leave(code: int) -> NoReturn:
    """Ends the process at once, without waiting for threads of Beam and TensorFlow."""
    sys.stdout.flush()
    sys.stderr.flush()
    _end_process(code)
