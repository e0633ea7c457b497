"""A serving place in an object store, where nothing can be renamed: the last object of a version makes it complete."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.object_store import filesystem, is_folder_marker
from tfx_pipeline.serving.versions import (
    ABANDONED_SECONDS,
    MODEL_CARD,
    SAVED_MODEL,
    files_of,
    model_files,
    next_number,
    number_of,
    outdated,
)

_CLAIMS: Final = ".claims"
_ATTEMPTS: Final = 20


class ServingBucket:
    """A folder of numeric versions in a bucket.

    ``saved_model.pb`` is written last, so a version that has it is whole. No version is written twice: a pusher first
    claims the number with an object of its own, and gives way to another claim. That is safe where a listing shows all
    that was written before it, as S3, Google Cloud Storage, MinIO and SeaweedFS promise.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri.rstrip("/")
        self._store, self._root = filesystem(uri)

    def newest(self) -> int | None:
        """The newest complete version, or None where nothing was pushed yet."""
        return next((v for v in self._numbers() if self._is_whole(v)), None)

    def versions(self) -> list[int]:
        """Numbers of the complete versions, oldest first; none where there is nothing."""
        return [v for v in reversed(self._numbers()) if self._is_whole(v)]

    def uri(self, version: int) -> str:
        """The version's URL."""
        return f"{self._uri}/{version}"

    def sizes(self, version: int) -> dict[str, int]:
        """The bytes of each object of a version, by relative name."""
        return {name: size for name, size in self._objects(version).items() if name and not is_folder_marker(name)}

    def read(self, version: int, name: str) -> bytes:
        """The content of an object of a version."""
        content: bytes = self._store.cat_file(self._path(version, name))
        return content

    def holds(self, version: int, model_dir: Path) -> bool:
        """Whether a version has the same objects with the same content as a local SavedModel; cards may differ."""
        files = model_files(model_dir)
        if set(files) != set(self.sizes(version)) - {MODEL_CARD}:
            return False
        return all(self.read(version, name) == path.read_bytes() for name, path in files.items())

    def push(self, model_dir: Path, check: Callable[[], None] = lambda: None) -> int:
        """Pushes a local SavedModel as the next version and returns its number.

        Raises:
            UserError: Others claim every number that is tried, or the check right before the last object raises it.
            Exception: What the store's client raises; nothing of the push stays behind if it can be helped.
        """
        for attempt in range(_ATTEMPTS):
            version = next_number(self._uri, self._names(self._root))
            with self._claim(version) as claimed:
                if claimed:
                    self._write(model_dir, version, check)
                    return version
            time.sleep(random.uniform(0, 0.2 * (attempt + 1)))  # noqa: S311 - only spreads the attempts
        raise UserError(f"{self._uri}: others push at the same moment, {_ATTEMPTS} times over; run again")

    def prune(self, keep: int, baseline: int, is_ours: Callable[[int], bool]) -> list[int]:
        """Deletes our versions but the newest ``keep`` and the baseline, and returns their numbers.

        A version loses ``saved_model.pb`` first: from then on, nobody takes it for whole. What a dead pusher left is
        deleted when it is a day old; its claim tells it from what others have there.
        """
        deleted = outdated(filter(is_ours, self.versions()), keep, baseline)
        claimed = set(map(number_of, self._names(f"{self._root}/{_CLAIMS}")))
        dead = [v for v in self._numbers() if v in claimed and v < time.time() - ABANDONED_SECONDS]
        for version in (*deleted, *(v for v in dead if not self._is_whole(v))):
            with self._claim(version):
                self._delete(version)
        return deleted

    def fetch(self, version: int, target: Path) -> None:
        """Copies a version into a local directory."""
        for name in self.sizes(version):
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._store.get_file(self._path(version, name), str(path))

    def _delete(self, version: int) -> None:
        claims = [f"{_CLAIMS}/{version}/{claim}" for claim in self._names(f"{self._root}/{_CLAIMS}/{version}")]
        objects = sorted(self._objects(version), key=lambda name: name != SAVED_MODEL)
        for name in (*(f"{version}/{name}" for name in objects), *claims):
            # Another pusher may delete the same.
            with suppress(FileNotFoundError):
                self._store.rm_file(f"{self._root}/{name}")

    def _path(self, version: int, name: str) -> str:
        return f"{self._root}/{version}/{name}"

    def _is_whole(self, version: int) -> bool:
        return bool(self._store.isfile(self._path(version, SAVED_MODEL)))

    def _numbers(self) -> list[int]:
        """Numbers of all versions, whole or not, the newest first."""
        return sorted(filter(None, map(number_of, self._names(self._root))), reverse=True)

    def _names(self, folder: str) -> set[str]:
        """What lies in a folder, without the folder itself, which some tools mark by an object of no bytes."""
        try:
            paths = [str(path).rstrip("/") for path in self._store.ls(folder, detail=False)]
        except FileNotFoundError:
            return set()
        return {path.rsplit("/", 1)[-1] for path in paths if path != folder}

    def _objects(self, version: int) -> dict[str, int]:
        """The bytes of each object of a version, folders' markers too, by name relative to it."""
        prefix = f"{self._root}/{version}/"
        found = self._store.find(prefix.rstrip("/"), detail=True).items()
        return {path.removeprefix(prefix): entry["size"] for path, entry in found if path.startswith(prefix)}

    @contextmanager
    def _claim(self, version: int) -> Iterator[bool]:
        claims = f"{self._root}/{_CLAIMS}/{version}"
        mine = uuid.uuid4().hex
        self._store.pipe_file(f"{claims}/{mine}", b"")
        try:
            yield self._names(claims) == {mine} and not self._objects(version)
        finally:
            with suppress(FileNotFoundError):
                self._store.rm_file(f"{claims}/{mine}")

    def _write(self, model_dir: Path, version: int, check: Callable[[], None]) -> None:
        files = files_of(model_dir)
        last = files.pop(SAVED_MODEL)
        try:
            for name, path in files.items():
                self._store.put_file(str(path), self._path(version, name))
            check()
            self._store.put_file(str(last), self._path(version, SAVED_MODEL))
        except BaseException:
            for name in self._objects(version):
                self._store.rm_file(self._path(version, name))
            raise
