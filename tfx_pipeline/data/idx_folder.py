"""Finds the four IDX files in a folder that a user names."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.data.stream import IdxError, is_remote, reason_of, shown
from tfx_pipeline.process import object_store


def candidates(name: str) -> tuple[str, ...]:
    """Lists the names under which an IDX file is accepted, the preferred first.

    A plain file is preferred to a .gz of the same name: it is what a user edits, and needs no decompression. The
    second spelling, with a dot, is what several tools make of the published name.

    Args:
        name: Plain name as in `idx_files.FILE_NAMES`.

    Returns:
        File names.
    """
    dotted = name.replace("-idx", ".idx")
    return (name, dotted, f"{name}.gz", f"{dotted}.gz")


def find_idx_files(folder: str) -> dict[str, str]:
    """Finds the four IDX files of a data set.

    Args:
        folder: Local folder, or URL of an object store or a Beam file system.

    Returns:
        Path or URL of each file by its plain name.

    Raises:
        IdxError: There is no such folder, it cannot be listed, or it lacks files; the line names the missing ones.
    """
    present = _list_remote(folder) if is_remote(folder) else _list_local(folder)
    found = {name: _first(candidates(name), present) for name in FILE_NAMES}
    missing = [name for name, file in found.items() if file is None]
    if missing:
        raise IdxError(
            f"{shown(folder)}: lacks {', '.join(missing)}; expected a folder with these IDX files, plain or .gz"
        )
    return {name: f"{folder.rstrip('/')}/{file}" for name, file in found.items()}


def _first(names: Iterable[str], present: set[str]) -> str | None:
    return next((name for name in names if name in present), None)


def _list_local(folder: str) -> set[str]:
    advice = "expected a folder of IDX files"
    try:
        if not stat.S_ISDIR(Path(folder).stat().st_mode):
            raise IdxError(f"{shown(folder)}: is not a folder; {advice}")
        return set(os.listdir(folder))  # noqa: PTH208  only the names are wanted
    except (OSError, ValueError) as error:
        raise IdxError(f"{shown(folder)}: cannot be listed ({reason_of(error)}); {advice}") from error


def _list_remote(folder: str) -> set[str]:
    try:
        return object_store.names(folder) if object_store.handles(folder) else _list_beam(folder)
    except Exception as error:  # every cloud's client raises errors of its own
        raise IdxError(f"{shown(folder)}: cannot be listed ({reason_of(error)}); check URL and credentials") from error


def _list_beam(folder: str) -> set[str]:
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415

    matches = FileSystems.match([f"{folder.rstrip('/')}/*"])[0].metadata_list
    return {match.path.rsplit("/", 1)[-1] for match in matches}
