"""The serving directory: numeric versions of pushed SavedModels, each written whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

SAVED_MODEL: Final = "saved_model.pb"

MODEL_CARD: Final = "MODEL_CARD.md"
"""What is known of a pushed model, beside it; no part of the model itself."""

SERVING_FORMAT: Final = "Format-Serving"
"""Where a model artifact holds the model for serving: the ``SERVING_MODEL_DIR`` of TFX's ``path_constants``."""

ABANDONED_SECONDS: Final = 24 * 60 * 60
"""After this time, what is there of a version belongs to a pusher that died."""
_PARTIAL: Final = ".push-"


def model_dir(uri: str) -> Path:
    """The directory of the SavedModel in a model artifact."""
    return Path(uri, SERVING_FORMAT)


def versions(serving_dir: Path) -> list[int]:
    """Numbers of the complete versions in a serving directory, oldest first; none where there is no directory."""
    if not serving_dir.is_dir():
        return []
    return sorted(int(d.name) for d in serving_dir.iterdir() if d.name.isdecimal() and (d / SAVED_MODEL).is_file())


def newest(serving_dir: Path) -> int | None:
    """The newest version, or None where nothing was pushed yet."""
    return max(versions(serving_dir), default=None)


def push(model_dir: Path, serving_dir: Path) -> Path:
    """Pushes a SavedModel as the next version.

    The copy is made under a hidden name and renamed when it is complete and on disk, so a reader sees a whole
    version or none. Version numbers are seconds since 1970, as TFX's Pusher has them, but always above the newest.
    One pusher waits for another.

    Args:
        model_dir: A directory with a ``saved_model.pb``.
        serving_dir: Made where it does not exist.

    Returns:
        The version's directory.

    Raises:
        OSError: The directory cannot be written; nothing of the push stays behind.
    """
    serving_dir.mkdir(parents=True, exist_ok=True)
    with _locked(serving_dir) as alone:
        _delete_abandoned(serving_dir, alone=alone)
        partial = _partial(serving_dir)
        try:
            shutil.copytree(model_dir, partial)
            _sync(partial)
            return _publish(partial, serving_dir)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def prune(serving_dir: Path, keep: int, baseline: int = 0) -> None:
    """Deletes old versions; one that is deleted vanishes whole, by a rename, before its files do.

    Args:
        serving_dir: The serving directory.
        keep: How many of the newest versions stay.
        baseline: A version that stays as well.

    Raises:
        OSError: The directory cannot be written.
    """
    with _locked(serving_dir):
        for version in outdated(versions(serving_dir), keep, baseline):
            partial = _partial(serving_dir)
            (serving_dir / str(version)).rename(partial)
            shutil.rmtree(partial, ignore_errors=True)


def outdated(versions: Iterable[int], keep: int, baseline: int) -> list[int]:
    """The versions that are neither among the newest nor the baseline.

    Args:
        versions: All versions.
        keep: How many of the newest stay; the newest itself stays always.
        baseline: A version that stays as well.

    Returns:
        The others, oldest first.
    """
    return [version for version in sorted(versions)[: -max(keep, 1)] if version != baseline]


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Waits until no other process pushes; yields False where the file system has no locks (some network mounts)."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _partial(serving_dir: Path) -> Path:
    return serving_dir / f"{_PARTIAL}{uuid.uuid4().hex}"


def _delete_abandoned(serving_dir: Path, *, alone: bool) -> None:
    """Deletes what a pusher that died left; one that cannot be told from a living one by a lock, when it is old."""
    for partial in serving_dir.glob(f"{_PARTIAL}*"):
        if alone or partial.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)


def _publish(partial: Path, serving_dir: Path) -> Path:
    while True:
        taken = [int(d.name) for d in serving_dir.iterdir() if d.name.isdecimal()]
        target = serving_dir / str(max(int(time.time()), max(taken, default=0) + 1))
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():
                raise
            continue  # another pusher took this number
        _sync_directory(serving_dir)
        return target


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    for folder in [directory, *(p for p in directory.rglob("*") if p.is_dir())]:
        _sync_directory(folder)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same_model(one: Path, other: Path) -> bool:
    """Whether two SavedModels hold the same files with the same content; their cards may differ."""
    files = [
        sorted(p.relative_to(d) for p in d.rglob("*") if p.is_file() and p.name != MODEL_CARD) for d in (one, other)
    ]
    return files[0] == files[1] and all((one / f).read_bytes() == (other / f).read_bytes() for f in files[0])
