"""The error that a user can act on."""

import errno
from typing import Final

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXTS: Final = ("No space left on device", "Disk quota exceeded", "File too large", "database or disk is full")
"""How Beam, TensorFlow and SQLite pass on what the operating system said."""


class UserError(Exception):
    """A problem that the user can solve; its message is one line.

    The line names the value or the file, says what was expected and what to do. Runners print it without a
    traceback and exit with a code other than 0.
    """


class RunFailedError(UserError):
    """A run that was started, and failed."""


def is_disk_full(exception: BaseException) -> bool:
    """Whether an exception, of whatever library, says that the disk has no room."""
    full = isinstance(exception, OSError) and exception.errno in _FULL
    return full or any(text in str(exception) for text in _FULL_TEXTS)
