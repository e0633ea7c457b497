"""Finds in which form a folder or file that a user names holds a data set, and gives it as IDX files."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from tfx_pipeline.data.fetch import Fetched
from tfx_pipeline.data.forms import class_folders, idx, npz, parquet, pixel_csv, zip_archive
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.stream import IdxError, is_remote, shown
from tfx_pipeline.process.errors import UserError

_SINGLE_FILES: Final = (".zip", ".npz")
_MOST_FOLDERS: Final = 200  # to look into
_MOST_NAMES: Final = 5  # in a message


class Form(Protocol):
    """A module of this package."""

    @property
    def NAME(self) -> str:  # noqa: N802  a module's constant
        """What a person calls it, in the plural."""

    def fits(self, folder: Folder) -> bool:
        """Tells from the names in a folder whether it has this form, even where a part of it is missing."""

    def convert(self, folder: Folder, work: Path) -> str:
        """Gives the data set of a folder that fits as a folder of IDX files, written into `work` where need be.

        Raises:
            IdxError: A file is missing or not what it should be; the line names it.
        """


class _Found(NamedTuple):
    form: Form
    folder: Folder


_FORMS: Final[tuple[Form, ...]] = (npz, pixel_csv, class_folders, parquet)


@contextmanager
def idx_files_of(data_dir: str, work: Path) -> Iterator[Fetched]:
    """Gives a data set of any form as a folder of IDX files, for as long as `work` is there.

    Args:
        data_dir: A folder that holds it, or holds the folder that does; or a .zip or .npz file. Local path, or URL of
            an object store or a Beam file system.
        work: An existing empty folder.

    Yields:
        The folder of IDX files, and in words what they were made of.

    Raises:
        IdxError: There is no data set, or more than one, or a file of it is not what it should be.
    """
    found = _find(_top(data_dir), (*_FORMS, zip_archive))
    unpacked, names = work / "unpacked", found.form.NAME
    try:
        inner = found
        if found.form is zip_archive:
            inner = _find(list_folder(zip_archive.convert(found.folder, unpacked)), _FORMS)
            names = f"{inner.form.NAME} of {names}"
        yield Fetched(inner.form.convert(inner.folder, work), f"{names} in {shown(found.folder.path)}")
    except UserError as error:
        # What was unpacked is named as it lies in the archive.
        raise IdxError(str(error).replace(str(unpacked), found.folder.path.rstrip("/"))) from error


def _top(data_dir: str) -> Folder:
    folder, separator, name = data_dir.rpartition("/")
    if name.lower().endswith(_SINGLE_FILES) and (is_remote(data_dir) or Path(data_dir).is_file()):
        return Folder(folder or separator or ".", (name,))
    return list_folder(data_dir)


def _find(top: Folder, forms: Sequence[Form]) -> _Found:
    level, looked = [top], {os.path.realpath(top.path): top}
    while level:
        found = [_Found(form, folder) for folder in level for form in _fitting(folder, forms)]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"{form.NAME} in {shown(folder.path)}" for form, folder in found)
            raise IdxError(f"{shown(top.path)}: holds more than one data set ({several}); name one or keep only one")
        below = {os.path.realpath(path): path for folder in level for path in _sub_folders(folder)}  # links may lead up
        if len(looked) + len(below) > _MOST_FOLDERS:
            raise IdxError(
                f"{shown(top.path)}: has more than {_MOST_FOLDERS} sub-folders; name the one with the data set"
            )
        new = {real: list_folder(path) for real, path in below.items() if real not in looked}
        level = list(new.values())
        looked |= new
    raise IdxError(_nothing(list(looked.values()), forms))


def _fitting(folder: Folder, forms: Sequence[Form]) -> list[Form]:
    """IDX files are taken whatever lies beside them, and archives only where nothing else does."""
    whole: Form = idx
    fitting = [whole] if idx.fits(folder) else [form for form in forms if form.fits(folder)]
    return [form for form in fitting if form is not zip_archive] or fitting


def _sub_folders(folder: Folder) -> list[str]:
    """Those of people, and not what programs keep: .git, __MACOSX, a file system's lost+found."""
    return [folder.at(name) for name in folder.folders if not name.startswith((".", "__", "lost+found"))]


def _nothing(looked: Sequence[Folder], forms: Sequence[Form]) -> str:
    nearest = min(looked, key=lambda folder: len(idx.missing_idx_files(folder)))
    names = [*(f"{name}/" for name in nearest.folders), *nearest.files]
    found = ", ".join(map(shown, names[:_MOST_NAMES])) or "nothing"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return (
        f"{shown(nearest.path)}: lacks {', '.join(idx.missing_idx_files(nearest))}; expected a folder with these IDX "
        f"files, or with {', '.join(form.NAME for form in forms)}; found {found}{more}"
    )
