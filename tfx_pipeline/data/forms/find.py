"""Finds in which form a folder or file that a user names holds a data set, and gives it as IDX files."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from tfx_pipeline.data.fetch import Fetched
from tfx_pipeline.data.forms import class_folders, idx, npz, parquet, pixel_csv, zip_archive
from tfx_pipeline.data.forms.files import Splits, write_idx
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.idx_files import HELD_BACK_FILES
from tfx_pipeline.data.stream import IdxError, is_remote, shown
from tfx_pipeline.process.errors import UserError

_SINGLE_FILES: Final = (".zip", ".npz")
_MOST_FOLDERS: Final = 200  # to look into
_MOST_NAMES: Final = 5  # in a message


class Form(Protocol):
    """A module of this package that reads a form: `NAME` is for people, in the plural, `SOURCE` for records."""

    @property
    def NAME(self) -> str: ...  # noqa: D102, N802  a module's constant

    @property
    def SOURCE(self) -> str: ...  # noqa: D102, N802

    def names(self, folder: Folder) -> list[str]:
        """Lists what in a folder has this form, even where a part is missing; nothing where it is not this form."""

    def splits(self, folder: Folder, names: list[str]) -> Splits:
        """Reads the splits of these names; raises an IdxError that names the file that is not what it should be."""


_FORMS: Final[tuple[Form, ...]] = (npz, pixel_csv, class_folders, parquet)


class _Found(NamedTuple):
    top: str
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
        root = str(unpacked) if inner is not found else found.top
        folder, notes = inner.folder.path, _notes_of_idx(inner.folder)
        if inner.form:
            names = inner.form.names(inner.folder)
            splits = inner.form.splits(inner.folder, names)
            write_idx(splits, work, folder, root)
            folder, notes = str(work), _notes(splits, inner.folder, names)
        yield Fetched(
            folder, f"{name} in {shown(found.folder.path)}", inner.form.SOURCE if inner.form else "idx", notes
        )
    except UserError as error:
        # What was unpacked is named as it lies in the archive.
        raise IdxError(str(error).replace(str(unpacked), found.folder.path.rstrip("/"))) from error


def _notes_of_idx(folder: Folder) -> tuple[str, ...]:
    if idx.missing(folder):
        return ()
    files = {name: path.rpartition("/")[2] for name, path in idx.find_idx_files(folder.path).items()}
    held_back = {"val": files[HELD_BACK_FILES.images].partition("-")[0]} if HELD_BACK_FILES.images in files else {}
    copies = [f"{file.removesuffix('.gz')}{end}" for file in files.values() for end in ("", ".gz")]
    return _said({"eval": "t10k", **held_back}, _beside(folder, copies) + Counter(folder.skipped))


def _notes(splits: Splits, folder: Folder, names: Sequence[str]) -> tuple[str, ...]:
    return _said(splits.words, _beside(folder, names) + splits.skipped)


def _beside(folder: Folder, names: Sequence[str]) -> Counter[str]:
    """What lies beside a data set and is no part of it."""
    used = {name.partition("/")[0] for name in names}
    beside = [*(name for name in folder.files if name not in used), *(f"{n}/" for n in folder.folders if n not in used)]
    return Counter(name for name in beside if not name.startswith((".", "__")))


def _said(words: Mapping[str, str], passed_over: Counter[str]) -> tuple[str, ...]:
    """What a person must know of how a data set was read."""
    notes = []
    if "val" in words:
        notes.append(
            f"{words['val']} is held back for early stopping and tuning, {words['eval']} is what the model is judged by"
        )
    elif words["eval"] not in ("t10k", "test", "testing", "eval"):
        notes.append(f"{words['eval']} is what the model is judged by")
    if passed_over:
        names = [f"{shown(name)}{f' ({count:,} times)' if count > 1 else ''}" for name, count in passed_over.items()]
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        notes.append(f"not read: {', '.join(names[:_MOST_NAMES])}{more}")
    return tuple(notes)


def _top(data_dir: str) -> Folder:
    folder, separator, name = data_dir.rpartition("/")
    if name.lower().endswith(_SINGLE_FILES) and (is_remote(data_dir) or Path(data_dir).is_file()):
        return Folder(folder or separator or ".", (name,))
    return list_folder(data_dir)


def _find(top: Folder, *archives: str) -> _Found:
    level, looked = [top], {os.path.realpath(top.path): top}
    while level:
        found = [one for folder in level for one in _fitting(top.path, folder, archives)]
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


def _fitting(top: str, folder: Folder, archives: Sequence[str]) -> list[_Found]:
    """IDX files are taken whatever lies beside them, and archives only where nothing else does."""
    if not idx.missing(folder):
        return [_Found(top, idx.NAME, folder)]
    found = [_Found(top, form.NAME, folder, form) for form in _FORMS if form.names(folder)]
    return found or [_Found(top, name, folder) for name in archives if zip_archive.names(folder)]


def _sub_folders(folder: Folder) -> list[str]:
    """Those of people, and not what programs keep: .git, __MACOSX, a file system's lost+found."""
    return [folder.at(name) for name in folder.folders if not name.startswith((".", "__", "lost+found"))]


def _nothing(looked: Sequence[Folder]) -> str:
    if misplaced := next(filter(None, map(class_folders.misplaced, looked)), None):
        return misplaced
    nearest = min(looked, key=lambda folder: len(idx.missing(folder)))
    names = [*(f"{name}/" for name in nearest.folders), *nearest.files]
    found = ", ".join(map(shown, names[:_MOST_NAMES])) or "nothing"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    others = ", ".join(form.NAME for form in _FORMS)
    lacks = f"lacks {', '.join(idx.missing(nearest))}; expected a folder with these IDX files, or with {others}"
    return f"{shown(nearest.path)}: {lacks}; found {found}{more}"
