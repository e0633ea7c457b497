"""What a person is told of an exception: one line."""

import dataclasses
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError, is_disk_full

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


def one_line(exception: BaseException, root: Path) -> str:
    """What a person needs to know of an exception.

    Args:
        exception: Why the run ended.
        root: The output directory.

    Returns:
        A ``UserError`` among its causes; what to do where the disk is full or a right is missing; else the exception's
        type and first line.
    """
    causes = list(_causes(exception))
    for cause in causes:
        if isinstance(cause, UserError):
            return str(cause)
    for cause in causes:
        place = getattr(cause, "filename", None) or root
        if is_disk_full(cause):
            return f"{place}: the disk is full; make room there or give another --output-dir, and run again"
        if isinstance(cause, OSError) and cause.errno in _NO_RIGHT:
            return f"{place}: {cause.strerror}; let the user that runs this read and write it"
    lines = str(exception).strip().splitlines() or ["no message"]
    return f"{type(exception).__name__}: {lines[0]}"


def _causes(exception: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, newest first."""
    cause: BaseException | None = exception
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__
