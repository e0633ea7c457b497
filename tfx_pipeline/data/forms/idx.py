"""The form of the four IDX files, plain or gzip."""

from pathlib import Path
from typing import Final

from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "IDX files"


def candidates(name: str) -> tuple[str, ...]:
    """Lists the names under which an IDX file is accepted, the preferred first.

    A plain file is preferred to a .gz of the same name: it is what a user edits. The second spelling, with a dot,
    is what several tools make of the published name.

    Args:
        name: Plain name as in `idx_files.FILE_NAMES`.

    Returns:
        File names.
    """
    dotted = name.replace("-idx", ".idx")
    return (name, dotted, f"{name}.gz", f"{dotted}.gz")


def missing_idx_files(folder: Folder) -> list[str]:
    """Lists which of the four IDX files a folder lacks, by their plain names."""
    return [name for name in FILE_NAMES if not set(candidates(name)) & set(folder.files)]


def find_idx_files(path: str) -> dict[str, str]:
    """Finds the four IDX files of a data set; a folder that carries a file's name is none.

    Args:
        path: Local folder, or URL of an object store or a Beam file system.

    Returns:
        Path or URL of each file by its plain name.

    Raises:
        IdxError: The folder is none, cannot be listed, or lacks files; the line names the missing ones.
    """
    folder = list_folder(path)
    if missing := missing_idx_files(folder):
        raise IdxError(f"{shown(path)}: lacks {', '.join(missing)}; expected a folder with these IDX files")
    return {name: folder.at(next(file for file in candidates(name) if file in folder.files)) for name in FILE_NAMES}


def fits(folder: Folder) -> bool:
    """Tells whether all four files are there."""
    return not missing_idx_files(folder)


def convert(folder: Folder, _work: Path) -> str:
    """Returns the folder as it is."""
    return folder.path
