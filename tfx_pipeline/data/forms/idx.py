"""The form of the four IDX files, plain or gzip."""

from typing import Final

from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "IDX files"


def _present(name: str, folder: Folder) -> str | None:
    """Finds a file by its plain name: plain rather than .gz; with a dot where several tools write one."""
    dotted = name.replace("-idx", ".idx")
    return next((file for file in (name, dotted, f"{name}.gz", f"{dotted}.gz") if file in folder.files), None)


def missing(folder: Folder) -> list[str]:
    """Lists which of the four files a folder lacks, by their plain names."""
    return [name for name in FILE_NAMES if not _present(name, folder)]


def find_idx_files(path: str) -> dict[str, str]:
    """Finds the path or URL of each of the four files in a folder, by its plain name.

    Raises:
        IdxError: There is no such folder, it cannot be listed, or it lacks files; the line names the missing ones.
    """
    folder = list_folder(path)
    if lacks := missing(folder):
        raise IdxError(f"{shown(path)}: lacks {', '.join(lacks)}; expected a folder with these IDX files")
    return {name: folder.at(_present(name, folder) or name) for name in FILE_NAMES}
