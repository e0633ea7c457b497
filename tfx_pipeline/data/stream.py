"""Opens files as streams of decompressed bytes: plain or gzip, local, in an object store or where Beam reads."""

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Self

from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError

CHUNK = 1 << 20  # bytes read at once
AGAIN = "fetch or create it again"


class IdxError(UserError):
    """An IDX file that is not what it should be; the line names the file."""


def is_remote(path: str) -> bool:
    """Tells whether a path is a URL (gs://, s3://, minio://, hdfs://, ...) rather than a local path."""
    return "://" in path


def shown(path: str) -> str:
    """Returns a path fit for a one-line message."""
    return path if path.isprintable() else repr(path)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Turns whatever opening or reading a file raises into an IdxError that names it.

    Args:
        path: The file.

    Raises:
        IdxError: Instead of the error of the operating system, of gzip or of a remote file system.
    """
    try:
        yield
    except EOFError as error:
        raise IdxError(f"{shown(path)}: the gzip data ends too early, the file is truncated; {AGAIN}") from error
    except gzip.BadGzipFile as error:
        raise IdxError(f"{shown(path)}: {_gzip_problem(str(error))}; {AGAIN}") from error
    except zlib.error as error:
        raise IdxError(f"{shown(path)}: the gzip data is damaged ({error}); {AGAIN}") from error
    except (OSError, ValueError) as error:
        raise IdxError(f"{shown(path)}: cannot be read ({reason_of(error)}); check path and permissions") from error
    except UserError:
        raise
    except Exception as error:
        if not is_remote(path):
            raise
        # Every cloud's client raises errors of its own.
        raise IdxError(f"{shown(path)}: cannot be read ({reason_of(error)}); check URL and credentials") from error


def reason_of(error: Exception) -> str:
    """Returns an error's own words on one line."""
    # The operating system's words without the number and the path that str() adds.
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def _gzip_problem(message: str) -> str:
    if message.startswith("Not a gzipped file"):  # the file starts as gzip, so this is said of what follows
        return "there are other bytes after the end of the gzip data"
    return f"the gzip data is damaged ({message})"


def open_raw(path: str) -> tuple[BinaryIO, int | None]:
    """Opens a file as it is stored.

    Args:
        path: Local path, or URL of an object store or a Beam file system.

    Returns:
        The file, which can seek, and its size in bytes, which is known for local ones only.

    Raises:
        IdxError: It is no regular file.
        Exception: What the operating system or the store's client raises.
    """
    if is_remote(path):
        return _open_remote(path), None
    # Opening a pipe or a device could block for ever, so only a regular file is opened.
    status = os.stat(path)  # noqa: PTH116
    if not stat.S_ISREG(status.st_mode):
        raise IdxError(f"{shown(path)}: is not a regular file; expected a file of images or labels")
    return open(path, "rb"), status.st_size  # noqa: PTH123


def _open_remote(path: str) -> BinaryIO:
    if object_store.handles(path):
        return object_store.open_file(path)
    from apache_beam.io.filesystem import CompressionTypes  # noqa: PLC0415
    from apache_beam.io.filesystems import FileSystems  # noqa: PLC0415

    # Beam would decompress by itself but not tell damaged gzip data from other errors.
    stream: BinaryIO = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return stream


class IdxStream:
    """The decompressed bytes of one file; every failure is an IdxError that names the file.

    Attributes:
        path: The file's path or URL.
        size: Decompressed bytes in the file where that is known without reading it (plain and local), else None.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with _named(path):
            raw, self.size = open_raw(path)
            self._files: list[BinaryIO] = [raw]
            start = raw.read(2)
            raw.seek(0)
        if start == b"\x1f\x8b":  # a name can be wrong
            self.size = None
            self._files.append(gzip.GzipFile(fileobj=raw))  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in reversed(self._files):
            file.close()

    def read(self, count: int) -> bytearray:
        """Reads `count` bytes, fewer only at the file's end; memory grows with the bytes found, not with `count`.

        Args:
            count: How many bytes to read.

        Returns:
            The bytes.

        Raises:
            IdxError: The file cannot be read or decompressed.
        """
        data = bytearray()
        while len(data) < count:
            with _named(self.path):
                part = self._files[-1].read(min(count - len(data), CHUNK))
            if not part:
                break
            data += part
        return data

    def skip(self, count: int) -> None:
        """Moves forward by `count` bytes: a seek in a plain file, decompression in a gzip file."""
        with _named(self.path):
            self._files[-1].seek(count, os.SEEK_CUR)

    def tell(self) -> int:
        """Returns how many decompressed bytes lie before the next one."""
        return self._files[-1].tell()
