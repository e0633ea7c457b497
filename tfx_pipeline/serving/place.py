"""The place that models are pushed to and the baseline is found in: a directory, or a folder of an object store."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError, is_disk_full
from tfx_pipeline.serving import directory as serving


class ServingPlace(Protocol):
    """Numeric versions of SavedModels; whoever looks for ``saved_model.pb`` sees a whole version or none."""

    def newest(self) -> int | None:
        """The newest complete version, or None where nothing was pushed yet."""

    def uri(self, version: int) -> str:
        """Where a version is."""

    def holds(self, version: int, model_dir: Path) -> bool:
        """Whether a version has the same files with the same content as a local SavedModel."""

    def push(self, model_dir: Path) -> int:
        """Pushes a local SavedModel as the next version and returns its number."""

    def prune(self, keep: int, baseline: int) -> None:
        """Deletes all but the newest versions, as many as are to be kept, and the one that serves as baseline."""

    def fetch(self, version: int, target: Path) -> None:
        """Copies a version into a local directory."""


class Directory:
    """A directory: a version appears by one rename."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def newest(self) -> int | None:
        """The newest complete version, or None where nothing was pushed yet."""
        return serving.newest(self._root)

    def uri(self, version: int) -> str:
        """The version's directory."""
        return str(self._root / str(version))

    def holds(self, version: int, model_dir: Path) -> bool:
        """Whether a version has the same files with the same content as a local SavedModel."""
        return serving.same_model(model_dir, self._root / str(version))

    def push(self, model_dir: Path) -> int:
        """Pushes a local SavedModel as the next version and returns its number."""
        return int(serving.push(model_dir, self._root).name)

    def prune(self, keep: int, baseline: int) -> None:
        """Deletes all but the newest versions, as many as are to be kept, and the one that serves as baseline."""
        serving.prune(self._root, keep, baseline)

    def fetch(self, version: int, target: Path) -> None:
        """Copies a version into a local directory."""
        shutil.copytree(self._root / str(version), target, dirs_exist_ok=True)


def open_place(uri: str) -> ServingPlace:
    """Opens a serving place.

    Args:
        uri: A path, or a URL with s3://, gs:// or minio://.

    Returns:
        The place; it need not exist.

    Raises:
        UserError: It is a URL of another kind.
    """
    if object_store.handles(uri):
        from tfx_pipeline.serving.bucket import Folder  # noqa: PLC0415 - its clients take a second to load

        return Folder(uri)
    if "://" in uri:
        raise UserError(f"{uri}: models cannot be pushed there, expected a path, s3://, gs:// or minio://")
    return Directory(Path(uri))


@contextmanager
def using(uri: str) -> Iterator[ServingPlace]:
    """Opens a serving place and reports what goes wrong in it.

    Args:
        uri: A path, or a URL with s3://, gs:// or minio://.

    Yields:
        The place.

    Raises:
        UserError: It cannot be read or written.
    """
    place = open_place(uri)
    if object_store.handles(uri):
        with object_store.reported(uri):
            yield place
        return
    try:
        yield place
    except OSError as error:
        file, reason = _problem(error)
        if is_disk_full(error):
            raise UserError(f"{file}: the disk is full; make room there and run again") from error
        raise UserError(
            f"{uri}: the serving directory cannot be used ({reason}: {file}); make it readable and writable for the "
            "user that runs this"
        ) from error


def _problem(error: OSError) -> tuple[str, str]:
    """The file that an error is about, and what the operating system said."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # Copying a directory collects the errors of all its files: (source, target, text).
        _, target, reason = error.args[0][0]
        return str(target), str(reason)
    return str(error.filename), error.strerror or str(error)
