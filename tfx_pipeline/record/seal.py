"""The seal of an artifact: what its step wrote, noted when it is published and checked before another step reads it.

It holds the size, the CRC-32 and the time of change of each file. Where size and time are what they were, the content
is taken to be so too, as make takes it; where the time differs, as behind an object store, the content decides.
"""

import contextlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tfx_pipeline.process.errors import UserError, causes

PROPERTY: Final = "seal"
"""Custom property of an artifact."""

_CHUNK: Final = 1 << 20  # bytes read at once


class Input(NamedTuple):
    """An artifact that a step reads: where it lies on this machine, and its seal; "" where it was published without."""

    path: Path
    seal: str


def sealed(step: str, uri: str) -> str:
    """The seal of what a step wrote to a file or a folder, as JSON."""
    root = Path(uri)
    files = {name: [*_state(root / name), _checksum(root / name)] for name in sorted(_names(root))}
    return json.dumps({"step": step, "files": files}, separators=(",", ":"))


def names(noted: str) -> list[str]:
    """The files that a seal names; none where an artifact of an older package has no seal."""
    return list(json.loads(noted)["files"]) if noted else []


def damage(artifact: Input, *, trusts_times: bool = True) -> tuple[Path, str] | None:
    """The first file that is not what was written, and what became of it; None where all are."""
    files: dict[str, list[int]] = json.loads(artifact.seal)["files"]
    there = _names(artifact.path)
    for name in sorted(files.keys() | there):
        file = artifact.path / name
        if name not in there:
            return file, "is missing"
        if name not in files:
            return file, "was added"
        *state, checksum = files[name]
        size, time = _state(file)
        if size != state[0] or (([size, time] != state or not trusts_times) and _checksum(file) != checksum):
            return file, "was changed"
    return None


@contextlib.contextmanager
def whole(inputs: Sequence[Input]) -> Iterator[None]:
    """Names an input that is damaged: before a step reads it, or instead of what a library says of it.

    Only damage that keeps a file's size and time is not seen before.

    Raises:
        UserError: A file of an input is gone, new, or not what was written.
        Exception: What the step raised for another reason.
    """
    _require_whole(inputs)
    try:
        yield
    except Exception as error:
        if not any(isinstance(cause, UserError) for cause in causes(error)):
            _require_whole(inputs, trusts_times=False, cause=error)
        raise


def _require_whole(inputs: Sequence[Input], *, trusts_times: bool = True, cause: Exception | None = None) -> None:
    for artifact in inputs:
        if artifact.seal and (damaged := damage(artifact, trusts_times=trusts_times)):
            file, what = damaged
            step: Any = json.loads(artifact.seal)["step"]
            raise UserError(f"{file}: {what}, which is not what {step} left; run again with --no-cache") from cause


def _names(root: Path) -> set[str]:
    files = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)) for path in files}


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _checksum(file: Path) -> int:
    checksum = 0
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
