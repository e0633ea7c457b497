"""Keeps a second run out of an output directory: two would delete and overwrite each other's files."""

import contextlib
import datetime
import json
import os
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.files import lock

LOCK: Final = ".lock"
FLAG: Final = "--output-dir"


@contextlib.contextmanager
def exclusive(root: Path, flag: str = FLAG) -> Iterator[str | None]:
    """Holds the output directory for this process.

    The kernel drops the lock with the process, however it ends, and knows it across containers on one host; the file's
    content only tells people who holds it. On a file system without locks (some network mounts), nobody notices two
    runs.

    Args:
        root: The output directory; made where it does not exist.
        flag: How another one is given.

    Yields:
        Who held the directory before and died with it, in words; None where nobody did.

    Raises:
        UserError: Another process holds it, or it cannot be written.
    """
    with _opened(root, flag) as file:
        try:
            lock(file, wait=False)
        except BlockingIOError as error:
            raise UserError(
                f"{root}: in use by {_owner(file) or 'another process'}; wait for its end or give another {flag}"
            ) from error
        before = _owner(file)
        _write(file, root, json.dumps(_myself()) + "\n", flag)
        try:
            yield before
        finally:
            _write(file, root, "", flag)


@contextlib.contextmanager
def _opened(root: Path, flag: str) -> Iterator[FileIO]:
    with contextlib.ExitStack() as stack:
        with write_errors_as_user_errors(root, flag):
            try:
                # A link may lead to a folder still to be made, but not to a disk that is not there.
                Path(os.path.realpath(root)).mkdir(parents=not root.is_symlink(), exist_ok=True)
            except FileExistsError:
                os.listdir(root)  # noqa: PTH208 - raises what tells a file from a loop of links
            # "w" would empty the file before it is locked. Without a buffer, a full disk fails the write, and not the
            # closing once more.
            file = stack.enter_context((root / LOCK).open("a+b", buffering=0))
        yield file


@contextlib.contextmanager
def write_errors_as_user_errors(root: Path, flag: str = FLAG) -> Iterator[None]:
    """Says in one line what keeps the output directory from being written; ``flag`` is how another one is given.

    Raises:
        UserError: Instead of an OSError, or of the ValueError for a path that no file can have.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{root}: cannot be written: {reason}; give another {flag}") from error


def _owner(file: FileIO) -> str | None:
    file.seek(0)
    try:
        owner = json.loads(file.read())
        here = "" if owner["host"] == socket.gethostname() else f" on {owner['host']}"
        return f"process {owner['pid']}{here}, which started at {owner['started']}"
    except (ValueError, TypeError, KeyError):
        return None


def _myself() -> dict[str, str | int]:
    now = datetime.datetime.now().astimezone()
    # Nobody finds a container's own process numbers on the host. Without tools/env, its host name is its id.
    pid = int(os.environ.get("FASHION_MNIST_HOST_PID", os.getpid()))
    return {"pid": pid, "host": socket.gethostname(), "started": now.isoformat(" ", "seconds")}


def _write(file: FileIO, root: Path, content: str, flag: str) -> None:
    with write_errors_as_user_errors(root, flag):
        file.truncate(0)
        file.write(content.encode())
