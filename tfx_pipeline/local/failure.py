"""What a person is told of an exception: one line."""

import dataclasses
import errno
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError, causes, is_disk_full, one_line

_NO_RIGHT: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a run ended before its end.

    Attributes:
        error: One line for a person.
        code: The exit code.
    """

    error: str
    code: int = 1


def error_line(exception: BaseException, root: Path) -> str:
    """What a person is told of the exception that ended a run.

    Args:
        exception: Why the run ended.
        root: The output directory.

    Returns:
        What to do where the disk is full or a right is missing, unless a ``UserError`` says more; see ``one_line``.
    """
    found = list(causes(exception))
    if not any(isinstance(cause, UserError) for cause in found):
        for cause in found:
            place = getattr(cause, "filename", None) or root
            if is_disk_full(cause):
                return f"{place}: the disk is full; make room there or give another --output-dir, and run again"
            if isinstance(cause, OSError) and cause.errno in _NO_RIGHT:
                return f"{place}: {cause.strerror}; let the user that runs this read and write it"
    return one_line(exception)
