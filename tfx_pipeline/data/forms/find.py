"""Finds in which form a folder or file that a user names holds a data set, and gives it as IDX files."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from tfx_pipeline.data.fetch import Fetched
from tfx_pipeline.data.forms import class_folders, idx, npz, parquet, pixel_csv, zip_archive
from tfx_pipeline.data.forms.files import Splits, write_idx
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.stream import IdxError, is_remote, shown
from tfx_pipeline.process.errors import UserError

_SINGLE_FILES: Final = (".zip", ".npz")
_MOST_FOLDERS: Final = 200  # to look into
_MOST_NAMES: Final = 5  # in a message


class Form(Protocol):
    """A module of this package that reads a form; `NAME` is what a person calls it, in the plural."""

    @property
    def NAME(self) -> str: ...  # noqa: D102, N802  a module's constant

    def names(self, folder: Folder) -> list[str]:
        """Lists what in a folder has this form, even where a part is missing; nothing where it is not this form."""

    def splits(self, folder: Folder, names: list[str]) -> Splits:
        """Reads the splits of these names; raises an IdxError that names the file that is not what it should be."""


_FORMS: Final[tuple[Form, ...]] = (npz, pixel_csv, class_folders, parquet)


class _Found(NamedTuple):
    name: str
    folder: Folder
    form: Form | None = None


@contextmanager
def idx_files_of(data_dir: str, work: Path) -> Iterator[Fetched]:
    """Gives a data set of any form as a folder of IDX files, for as long as `work` is there.

    Args:
        data_dir: A folder that holds it, or holds the folder that does; or a .zip or .npz file. Local path, or URL of
            an object store or a Beam file system.
        work: An existing empty folder.

    Raises:
        IdxError: There is no data set, or more than one, or a file of it is not what it should be.
    """
    found = inner = _find(_top(data_dir), zip_archive.NAME)
    unpacked, name = work / "unpacked", found.name
    try:
        if name == zip_archive.NAME:
            inner = _find(list_folder(zip_archive.unpack(found.folder, unpacked)))
            name = f"{inner.name} of {name}"
        folder = inner.folder.path
        if inner.form:
            write_idx(inner.form.splits(inner.folder, inner.form.names(inner.folder)), work, folder)
            folder = str(work)
        yield Fetched(folder, f"{name} in {shown(found.folder.path)}")
    except UserError as error:
        # What was unpacked is named as it lies in the archive.
        raise IdxError(str(error).replace(str(unpacked), found.folder.path.rstrip("/"))) from error


def _top(data_dir: str) -> Folder:
    folder, separator, name = data_dir.rpartition("/")
    if name.lower().endswith(_SINGLE_FILES) and (is_remote(data_dir) or Path(data_dir).is_file()):
        return Folder(folder or separator or ".", (name,))
    return list_folder(data_dir)


def _find(top: Folder, *archives: str) -> _Found:
    level, looked = [top], {os.path.realpath(top.path): top}
    while level:
        found = [one for folder in level for one in _fitting(folder, archives)]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"{one.name} in {shown(one.folder.path)}" for one in found)
            raise IdxError(f"{shown(top.path)}: holds more than one data set ({several}); name one or keep only one")
        below = {os.path.realpath(path): path for folder in level for path in _sub_folders(folder)}  # links may lead up
        if len(looked) + len(below) > _MOST_FOLDERS:
            raise IdxError(f"{shown(top.path)}: has over {_MOST_FOLDERS} sub-folders; name the one with the data set")
        new = {real: list_folder(path) for real, path in below.items() if real not in looked}
        level = list(new.values())
        looked |= new
    raise IdxError(_nothing(list(looked.values())))


def _fitting(folder: Folder, archives: Sequence[str]) -> list[_Found]:
    """IDX files are taken whatever lies beside them, and archives only where nothing else does."""
    if not idx.missing(folder):
        return [_Found(idx.NAME, folder)]
    found = [_Found(form.NAME, folder, form) for form in _FORMS if form.names(folder)]
    return found or [_Found(name, folder) for name in archives if zip_archive.names(folder)]


def _sub_folders(folder: Folder) -> list[str]:
    """Those of people, and not what programs keep: .git, __MACOSX, a file system's lost+found."""
    return [folder.at(name) for name in folder.folders if not name.startswith((".", "__", "lost+found"))]


def _nothing(looked: Sequence[Folder]) -> str:
    nearest = min(looked, key=lambda folder: len(idx.missing(folder)))
    names = [*(f"{name}/" for name in nearest.folders), *nearest.files]
    found = ", ".join(map(shown, names[:_MOST_NAMES])) or "nothing"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    others = ", ".join(form.NAME for form in _FORMS)
    lacks = f"lacks {', '.join(idx.missing(nearest))}; expected a folder with these IDX files, or with {others}"
    return f"{shown(nearest.path)}: {lacks}; found {found}{more}"
