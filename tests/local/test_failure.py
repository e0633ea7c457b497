"""What a person is told of an exception."""

import errno
from pathlib import Path

import pytest

from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.report import DataGateError, Report
from tfx_pipeline.local.failure import error_line, failure_of
from tfx_pipeline.process.errors import UserError

ROOT = Path("/output")


def raised(cause: Exception, wrapper: Exception) -> Exception:
    """The wrapper as it is after it was raised from the cause."""
    wrapper.__cause__ = cause
    return wrapper


def test_a_user_error_among_the_causes_is_the_line() -> None:
    error = raised(UserError("labels: truncated"), RuntimeError("Beam failed\nat length"))
    assert error_line(error, ROOT) == "labels: truncated"


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/output/pipeline/x"), "/output/pipeline/x"),
        (OSError(errno.EFBIG, "File too large"), "/output"),
        (RuntimeError("INTERNAL: database or disk is full"), "/output"),
        (RuntimeError("RESOURCE_EXHAUSTED: /output/y; No space left on device"), "/output"),
    ],
)
def test_a_full_disk_is_said_with_the_place_and_what_to_do(error: Exception, place: str) -> None:
    line = f"{place}: the disk is full; make room there or give another --output-dir, and run again"
    assert error_line(error, ROOT) == line
    assert error_line(raised(error, ValueError("while writing")), ROOT) == line


def test_a_missing_right_names_the_file() -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/output/pipeline")
    assert (
        error_line(error, ROOT) == "/output/pipeline: Permission denied; let the user that runs this read and write it"
    )


def test_another_exception_is_its_type_and_message() -> None:
    assert error_line(ValueError("first\nsecond"), ROOT) == "ValueError: first second"


def test_what_the_data_gate_found_is_kept_when_it_stops_a_run(tmp_path: Path) -> None:
    check = Check("images under two labels", "train", 3, "count", high=0)
    with pytest.raises(DataGateError) as stopped:
        Report("stop", [check], {"train": 10}).enforce()
    gate = failure_of(raised(stopped.value, RuntimeError("data-gate failed")), tmp_path).data_gate
    assert gate is not None
    assert (gate.ok, gate.anomalies, gate.checks) == (False, 1, 1)
    assert gate.findings[0]["text"] == "images under two labels in train: 3, expected at most 0"
    assert failure_of(RuntimeError("other"), tmp_path).data_gate is None
