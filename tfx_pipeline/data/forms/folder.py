"""Lists a folder, local or in an object store: its files apart from its sub-folders."""

import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from tfx_pipeline.data.stream import IdxError, is_remote, reason_of, shown
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import require_no_pattern

_JUNK: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"})


class Folder(NamedTuple):
    """A folder's path or URL, and the sorted names directly in it; whatever is no folder counts as a file.

    ``skipped`` is what programs leave behind where a person looks into a folder.
    """

    path: str
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def at(self, name: str) -> str:
        """Returns the path or URL of what has this name."""
        return f"{self.path.rstrip('/')}/{name}"


def list_folder(path: str) -> Folder:
    """Lists a local folder, or one in an object store or a Beam file system (which lists files alone).

    Raises:
        IdxError: It is no folder or cannot be listed.
    """
    is_folder = dict(_remote_entries(path) if is_remote(path) else _local_entries(path))
    skipped = tuple(sorted(_JUNK & is_folder.keys()))
    files, folders = (
        tuple(sorted(name for name in is_folder if is_folder[name] is kind and name not in _JUNK))
        for kind in (False, True)
    )
    return Folder(path, files, folders, skipped)


def _local_entries(path: str) -> Iterator[tuple[str, bool]]:
    advice = "expected a folder of IDX files"
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
            raise IdxError(f"{shown(path)}: is not a folder; {advice}, or a .zip or .npz file")
        with os.scandir(path) as entries:
            for entry in entries:
                # A link that leads nowhere counts as a file, whose reading says what is wrong.
                yield entry.name, entry.is_dir(follow_symlinks=False) or os.path.isdir(entry.path)  # noqa: PTH112
    except (OSError, ValueError) as error:
        raise IdxError(f"{shown(path)}: cannot be listed ({reason_of(error)}); {advice}") from error


def _remote_entries(path: str) -> Iterator[tuple[str, bool]]:
    try:
        yield from _store_entries(path) if object_store.handles(path) else _beam_entries(path)
    except UserError:
        raise
    except Exception as error:  # every cloud's client raises errors of its own
        raise IdxError(f"{shown(path)}: cannot be listed ({reason_of(error)}); check URL and credentials") from error


def _store_entries(path: str) -> Iterator[tuple[str, bool]]:
    store, key = object_store.filesystem(path)
    for entry in store.ls(key, detail=True):
        path = str(entry["name"])
        name = path.rstrip("/").rsplit("/", 1)[-1]
        # Some tools mark a folder by an object of no bytes: the folder itself, or an object beside it.
        if path.rstrip("/") != key and (path.endswith("/") or not object_store.is_folder_marker(path)):
            yield name, entry["type"] == "directory" or path.endswith("/")


def _beam_entries(path: str) -> Iterator[tuple[str, bool]]:
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415

    require_no_pattern(path, "--data-dir")  # Beam lists a folder by a pattern
    for match in FileSystems.match([f"{path.rstrip('/')}/*"])[0].metadata_list:
        yield match.path.rsplit("/", 1)[-1], False
