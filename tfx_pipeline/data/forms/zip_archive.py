"""Unpacks the ZIP archives in a folder, whatever form of data set they hold."""

import shutil
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from tfx_pipeline.data.forms.files import reading
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "ZIP archives"
_ENCRYPTED: Final = 1  # bit of a member's flags


def names(folder: Folder) -> list[str]:
    """Lists the archives in a folder."""
    return [name for name in folder.files if name.lower().endswith(".zip")]


def unpack(folder: Folder, work: Path) -> str:
    """Unpacks each archive into a folder of its own name in `work`, and returns `work` or the only folder in it.

    Raises:
        IdxError: A file is no archive, is encrypted or damaged, or holds more than the disk has room for.
    """
    archives = names(folder)
    for name in archives:
        (work / name).mkdir(parents=True)
        with reading(folder.at(name), "a ZIP archive") as file, ZipFile(file) as archive:
            _check(archive, folder.at(name), work)
            archive.extractall(work / name)
    return str(work / archives[0] if len(archives) == 1 else work)


def _check(archive: ZipFile, path: str, work: Path) -> None:
    members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise IdxError(f"{shown(path)}: is encrypted; unpack it and name the folder")
    size, free = sum(member.file_size for member in members), shutil.disk_usage(work).free
    if size > free:
        sizes = f"unpacks to {size:,} bytes, and the data cache's disk has {free:,} left"
        raise IdxError(f"{shown(path)}: {sizes}; make room there")
