"""The form of the IDX files, plain or gzip: four, and two more where there is a split to hold back."""

import re
from typing import Final

from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.idx_files import FILE_NAMES, HELD_BACK_FILES
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "IDX files"
_HELD_BACK_WORDS: Final = ("val", "valid", "validation")


def _present(name: str, folder: Folder) -> str | None:
    """Finds a file by its plain name: plain rather than .gz; with a dot where several tools write one."""
    dotted = name.replace("-idx", ".idx")
    return next((file for file in (name, dotted, f"{name}.gz", f"{dotted}.gz") if file in folder.files), None)


def missing(folder: Folder) -> list[str]:
    """Lists which of the four files a folder lacks, by their plain names."""
    return [name for name in FILE_NAMES if not _present(name, folder)]


def find_idx_files(path: str) -> dict[str, str]:
    """Finds the path or URL of each file in a folder, by its plain name.

    Raises:
        IdxError: There is no such folder, it cannot be listed, or it lacks files; the line names the missing ones.
    """
    folder = list_folder(path)
    held_back = _held_back(folder)
    if lacks := missing(folder) + [name for name in HELD_BACK_FILES if held_back and name not in held_back]:
        raise IdxError(f"{shown(folder.path)}: lacks {', '.join(lacks)}; expected a folder with these IDX files")
    present = {name: _present(name, folder) or name for name in FILE_NAMES} | held_back
    return {name: folder.at(file) for name, file in present.items()}


def _held_back(folder: Folder) -> dict[str, str]:
    """The files of a third split, by the plain names that they get here."""
    names = {(word, name): re.sub("^val", word, name) for word in _HELD_BACK_WORDS for name in HELD_BACK_FILES}
    files = [(word, name, file) for (word, name), plain in names.items() if (file := _present(plain, folder))]
    if len({word for word, _, _ in files}) > 1:
        several = ", ".join(file for _, _, file in files)
        raise IdxError(f"{shown(folder.path)}: has {several}; expected one split to hold back")
    return {name: file for _, name, file in files}
