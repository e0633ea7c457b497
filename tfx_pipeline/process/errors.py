"""The error that a user can act on, and what to say of any other in one line."""

import errno
import re
import textwrap
from collections.abc import Iterator
from typing import Final

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXTS: Final = ("No space left on device", "Disk quota exceeded", "File too large", "database or disk is full")
"""How Beam, TensorFlow and SQLite pass on what the operating system said."""
_LONGEST_MESSAGE: Final = 500
_LONGEST_LINE: Final = 4_000

_NUMBER: Final = r"(?:[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?[jL]?|\.\d+|nan|inf)|True|False|\.\.\.)"
_ARRAY: Final = re.compile(
    rf"(?:[\[(]\s*)*(?:(?<![\w.-]){_NUMBER}[\s,\[\]()]+){{15,}}{_NUMBER}(?:\s*[\])])*", re.IGNORECASE
)
_BYTES: Final = re.compile(r"b'(?:[^'\\\n]|\\.){100,}'|b\"(?:[^\"\\\n]|\\.){100,}\"")
"""How Python prints arrays, lists of numbers and bytes, which an error's text may hold by the hundred thousand."""


class UserError(Exception):
    """A problem that the user can solve; its message is one line.

    The line names the value or the file, says what was expected and what to do. Runners print it without a traceback
    and exit with a code other than 0.
    """

    def __str__(self) -> str:
        """The message; a value that it names may have been given with line ends."""
        return " ".join(super().__str__().splitlines())


class RunFailedError(UserError):
    """A run that was started, and failed."""


def causes(exception: BaseException) -> Iterator[BaseException]:
    """An exception and what led to it, newest first."""
    cause: BaseException | None = exception
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__


def flat(error: BaseException) -> str:
    """An exception's message in one line; the name of its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def readable(text: str) -> str:
    """Text for a log or a person: without arrays and long bytes, each line at most ``_LONGEST_LINE`` characters."""
    text = _without_arrays(text)
    if len(text) <= _LONGEST_LINE:
        return text
    lines = text.split("\n")
    return "\n".join(
        x if len(x) <= _LONGEST_LINE else f"{x[:_LONGEST_LINE]} ... ({len(x):,} characters)" for x in lines
    )


def _without_arrays(text: str) -> str:
    return _BYTES.sub("b'...'", _ARRAY.sub("[...]", text))


def one_line(exception: BaseException) -> str:
    """What a person is told of an exception: the ``UserError`` among its causes, else its type and message.

    Arrays in it are left out.
    """
    for cause in causes(exception):
        if isinstance(cause, UserError):
            return readable(str(cause))
    message = _shortened(_without_arrays(flat(exception))) if str(exception) else ""
    return f"{type(exception).__name__}: {message}" if message else type(exception).__name__


def _shortened(message: str) -> str:
    """Leaves out the middle of a long message: what happened stands at its beginning or, of a traceback, its end."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    end = message[-_LONGEST_MESSAGE // 2 :].partition(" ")[2]
    return f"{textwrap.shorten(message, _LONGEST_MESSAGE // 2, placeholder='')} ... {end}"


def is_disk_full(exception: BaseException) -> bool:
    """Whether an exception, of whatever library, says that the disk has no room."""
    full = isinstance(exception, OSError) and exception.errno in _FULL
    return full or any(text in str(exception) for text in _FULL_TEXTS)
