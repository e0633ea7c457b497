"""Reads IDX files of images and labels, a range at a time.

The format is Yann LeCun's: a big-endian magic number (0, 0, type, number of dimensions), one unsigned 32-bit size a
dimension, then the values. Here the values are always unsigned bytes: labels have one dimension, grey images three and
colour images four, the last of which is the channels.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import ENOUGH, kind_of
from tfx_pipeline.data.stream import AGAIN, IdxError, IdxStream, shown

if TYPE_CHECKING:
    import numpy as np

__all__ = ["IMAGES_MAGIC", "LABELS_MAGIC", "IdxError", "read_header", "read_images", "read_labels"]

LABELS_MAGIC = 2049
IMAGES_MAGIC = LABELS_MAGIC + len(DATASET.image_shape)
"""Of this checkout's images: 2051 for grey ones, 2052 for colour."""

BATCH_SIZE = max(1, min(1_000, 1_000_000 // DATASET.image_bytes))
"""Images to hold at once: 1 MB, so that memory does not grow with the data; more is no faster."""

LARGEST_SIDE = 1 << 15
"""Pixels: a header that promises more is damaged, and NumPy has no array for such images, even for none of them."""

_DIMENSIONS = {LABELS_MAGIC: 1, 2051: 3, 2052: 4}


def read_stream_header(stream: IdxStream) -> tuple[int, ...]:
    """Reads the header at a stream's start and leaves the stream at the first value.

    Args:
        stream: A stream of which nothing was read yet.

    Returns:
        The shape that the header promises: (labels,), (images, rows, columns) or (images, rows, columns, channels).

    Raises:
        IdxError: The bytes are not an IDX header of images or labels, or promise more than a plain local file holds.
    """
    start = stream.read(4)
    magic = int.from_bytes(start, "big")
    if len(start) < 4 or magic not in _DIMENSIONS:  # noqa: PLR2004
        raise IdxError(
            f"{shown(stream.path)}: {_no_magic(start + stream.read(ENOUGH))}; expected an IDX file of images or labels"
        )
    sizes = stream.read(4 * _DIMENSIONS[magic])
    if len(sizes) < 4 * _DIMENSIONS[magic]:
        raise IdxError(f"{shown(stream.path)}: ends within its header, the file is truncated; {AGAIN}")
    shape = struct.unpack(f">{_DIMENSIONS[magic]}I", sizes)
    _check_dimensions(stream, shape)
    return shape


def _no_magic(start: bytearray) -> str:
    if kind := kind_of(bytes(start)):
        return f"the file is {kind}"
    return f"its first bytes are {start[:4].hex(' ')}, not the magic number {IMAGES_MAGIC} or {LABELS_MAGIC}"


def _check_dimensions(stream: IdxStream, shape: tuple[int, ...]) -> None:
    if any(not 0 < side <= LARGEST_SIDE for side in shape[1:]):
        raise IdxError(f"{shown(stream.path)}: its header promises images of {size_text(shape[1:])}; {AGAIN}")
    promised = header_bytes(shape) + math.prod(shape)
    if stream.size is not None and stream.size < promised:
        raise IdxError(truncated_message(stream.path, shape, stream.size - header_bytes(shape)))


def header_bytes(shape: tuple[int, ...]) -> int:
    """Returns the size in bytes of the header that promises this shape."""
    return 4 + 4 * len(shape)


def header_of(shape: tuple[int, ...]) -> bytes:
    """Returns the header that promises this shape."""
    return struct.pack(f">{1 + len(shape)}I", magic_of(shape), *shape)


def magic_of(shape: tuple[int, ...]) -> int:
    """Returns the magic number that a header with this shape starts with."""
    return LABELS_MAGIC - 1 + len(shape)


def size_text(image_shape: tuple[int, ...]) -> str:
    """Writes the shape of an image, such as 28x28 or 28x28x3."""
    return "x".join(map(str, image_shape))


def _content(magic: int) -> str:
    return "labels" if magic == LABELS_MAGIC else "images"


def truncated_message(path: str, shape: tuple[int, ...], present: int) -> str:
    """Says that a file holds fewer values than its header promises.

    Args:
        path: The file.
        shape: What its header promises.
        present: Bytes that are there after the header.

    Returns:
        One line.
    """
    return (
        f"{shown(path)}: its header promises {shape[0]:,} {_content(magic_of(shape))} ({math.prod(shape):,} bytes) "
        f"but {present:,} bytes follow, the file is truncated; {AGAIN}"
    )


def read_header(path: str) -> tuple[int, ...]:
    """Reads what an IDX file's header promises.

    Args:
        path: Local path or Beam file system URL; decompressed where it is gzip.

    Returns:
        The shape, as `read_stream_header`.

    Raises:
        IdxError: The file cannot be read, is no IDX file of images or labels, or, where it is plain and local, is
            smaller than its header promises.
    """
    with IdxStream(path) as stream:
        return read_stream_header(stream)


def read_images(path: str, start: int, count: int) -> np.ndarray:
    """Reads a range of images; only that range is held in memory.

    A plain file is sought in; a .gz is decompressed from its start and its check sum is not reached, which is why
    the cache holds plain files that were read to their end once.

    Args:
        path: Local path or Beam file system URL; decompressed where it is gzip.
        start: Index of the first image.
        count: How many images; like a slice, the range is cut off at the file's end.

    Returns:
        uint8 array of shape [n, rows, columns] or [n, rows, columns, channels], n <= count.

    Raises:
        IdxError: As `read_header`, or the file holds labels, or it ends before the range does.
    """
    return _read_range(path, start, count, IMAGES_MAGIC)


def read_labels(path: str, start: int, count: int) -> np.ndarray:
    """Reads a range of labels; only that range is held in memory.

    Args:
        path: Local path or Beam file system URL; decompressed where it is gzip.
        start: Index of the first label.
        count: How many labels; like a slice, the range is cut off at the file's end.

    Returns:
        uint8 array of shape [n], n <= count.

    Raises:
        IdxError: As `read_header`, or the file holds images, or it ends before the range does.
    """
    return _read_range(path, start, count, LABELS_MAGIC)


def check_magic(path: str, shape: tuple[int, ...], magic: int) -> None:
    """Refuses labels where images are expected, and the other way round.

    Args:
        path: The file.
        shape: What its header promises.
        magic: The magic number that is expected.

    Raises:
        IdxError: The file holds the other.
    """
    found = magic_of(shape)
    if _content(found) != _content(magic):
        raise IdxError(
            f"{shown(path)}: holds {_content(found)} (magic number {found}), expected {_content(magic)} (magic number "
            f"{magic}); check that the files are not swapped"
        )


def _read_range(path: str, start: int, count: int, magic: int) -> np.ndarray:
    import numpy as np  # noqa: PLC0415

    if start < 0 or count < 0:
        raise ValueError(f"start and count must be 0 or more, got {start} and {count}")
    with IdxStream(path) as stream:
        shape = read_stream_header(stream)
        check_magic(path, shape, magic)
        count = max(0, min(count, shape[0] - start))
        item = math.prod(shape[1:])
        if count:
            stream.skip(start * item)
        data = stream.read(count * item)
        if len(data) < count * item:
            raise IdxError(truncated_message(path, shape, stream.tell() - header_bytes(shape)))
    return np.frombuffer(data, np.uint8).reshape(count, *shape[1:])
