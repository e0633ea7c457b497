"""A serving place on a file system, where one rename makes a version appear or vanish whole."""

import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tfx_pipeline.process.files import locked, sync
from tfx_pipeline.serving.versions import (
    ABANDONED_SECONDS,
    SAVED_MODEL,
    files_of,
    model_files,
    next_number,
    number_of,
    outdated,
)

_PARTIAL: Final = ".push-"


class ServingDirectory:
    """A directory of numeric versions; every method raises OSError where it cannot be read or written."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def versions(self) -> list[int]:
        """Numbers of the complete versions, oldest first; none where there is no directory."""
        found = self._root.iterdir() if self._root.is_dir() else []
        return sorted(v for d in found if (v := number_of(d.name)) and (d / SAVED_MODEL).is_file())

    def newest(self) -> int | None:
        """The newest complete version, or None where nothing was pushed yet."""
        return max(self.versions(), default=None)

    def uri(self, version: int) -> str:
        """The version's directory."""
        return str(self._root / str(version))

    def sizes(self, version: int) -> dict[str, int]:
        """The bytes of each file of a version, by relative name."""
        return {name: path.stat().st_size for name, path in files_of(self._root / str(version)).items()}

    def read(self, version: int, name: str) -> bytes:
        """The content of a file of a version."""
        return (self._root / str(version) / name).read_bytes()

    def holds(self, version: int, model_dir: Path) -> bool:
        """Whether a version has the same files with the same content as a local SavedModel; cards may differ."""
        pushed, files = model_files(self._root / str(version)), model_files(model_dir)
        return pushed.keys() == files.keys() and all(
            path.read_bytes() == pushed[name].read_bytes() for name, path in files.items()
        )

    def push(self, model_dir: Path, check: Callable[[], None] = lambda: None) -> int:
        """Pushes a local SavedModel as the next version, and returns its number.

        The copy is made under a hidden name and renamed when it is complete and on disk; where it fails, or the check
        right before it gets its number raises, nothing of it stays. One pusher waits for another.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with locked(self._root) as alone:
            self._delete_abandoned(alone=alone)
            partial = self._partial()
            try:
                shutil.copytree(model_dir, partial)
                sync(*partial.rglob("*"), partial)
                return self._publish(partial, check)
            finally:
                shutil.rmtree(partial, ignore_errors=True)

    def prune(self, keep: int, baseline: int, is_ours: Callable[[int], bool]) -> list[int]:
        """Deletes our versions but the newest ``keep`` and the baseline, and returns their numbers."""
        with locked(self._root):
            deleted = outdated(filter(is_ours, self.versions()), keep, baseline)
            for version in deleted:
                partial = self._partial()
                (self._root / str(version)).rename(partial)
                shutil.rmtree(partial, ignore_errors=True)
        return deleted

    def fetch(self, version: int, target: Path) -> None:
        """Copies a version into a local directory."""
        shutil.copytree(self._root / str(version), target, dirs_exist_ok=True)

    def _partial(self) -> Path:
        return self._root / f"{_PARTIAL}{uuid.uuid4().hex}"

    def _delete_abandoned(self, *, alone: bool) -> None:
        """Deletes what a pusher that died left; where no lock tells it from a living one, when it is old."""
        for partial in self._root.glob(f"{_PARTIAL}*"):
            if alone or partial.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)

    def _publish(self, partial: Path, check: Callable[[], None]) -> int:
        while True:
            check()
            version = next_number(str(self._root), (d.name for d in self._root.iterdir()))
            target = self._root / str(version)
            try:
                partial.rename(target)
            except OSError:
                if not target.exists():
                    raise
                continue  # another pusher took this number
            sync(self._root)
            return version
