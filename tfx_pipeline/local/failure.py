"""What a person is told of an exception: one line."""

import dataclasses
import errno
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError, causes, is_disk_full, one_line
from tfx_pipeline.record.run_record import DataGate, data_gate_of

_NO_RIGHT: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a run ended before its end.

    Attributes:
        error: One line for a person.
        code: The exit code.
        data_gate: What the data gate found where it stopped the run.
    """

    error: str
    code: int = 1
    data_gate: DataGate | None = None


def failure_of(exception: BaseException, root: Path) -> Failure:
    """Why an exception ended a run that uses the output directory ``root``."""
    from tfx_pipeline.gate.report import DataGateError  # noqa: PLC0415 - needs NumPy, and is loaded by then

    reports = [cause.report for cause in causes(exception) if isinstance(cause, DataGateError) and cause.report]
    return Failure(error_line(exception, root), data_gate=data_gate_of(reports[0]) if reports else None)


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
