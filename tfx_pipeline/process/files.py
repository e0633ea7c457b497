"""Files that several processes share: locks, writes that a reader sees whole, and the way to the disk."""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
"""What network mounts without locks say; the last is NFS's for a directory, which nobody can open for writing."""


class _HasDescriptor(Protocol):
    def fileno(self) -> int: ...


def lock(file: int | _HasDescriptor, *, wait: bool = True) -> bool:
    """Locks an open file or directory for this process, until it is closed; the kernel unlocks it for a dead process.

    Args:
        file: The file or its descriptor.
        wait: Whether to wait for a process that holds the lock.

    Returns:
        True; False where the file system has no locks (some network mounts).

    Raises:
        BlockingIOError: Another process holds the lock, and ``wait`` is False.
        OSError: The file cannot be locked for another reason.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Holds the lock of a directory, or of a file that is made where it does not exist; see ``lock``."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield lock(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file, or a directory with what is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def sync(*paths: Path) -> None:
    """Waits until files, and the names in directories, are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: Path, text: str, room: Path | None = None) -> None:
    """Writes a text file; whoever reads the path sees the old content or the new, never a part.

    Args:
        path: The file.
        text: Its content.
        room: A file on the same disk that becomes this one; where it is large enough, the text needs no other room.

    Raises:
        OSError: It cannot be written; the old content stays.
    """
    partial = room or path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open("r+" if partial.exists() else "w", encoding="utf-8") as file:
            file.write(text)
            file.truncate()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
