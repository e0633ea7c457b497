"""Reads IDX files to their end once: checks them, digests them and, where wanted, writes them decompressed."""

import hashlib
import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from modules.dataset import DATASET
from tfx_pipeline.data import idx
from tfx_pipeline.data.idx_files import ALL_SPLIT_FILES
from tfx_pipeline.data.stream import CHUNK, IdxError, IdxStream, shown


class FileFacts(NamedTuple):
    """What one pass over an IDX file tells: SHA-256 (hexadecimal) of the decompressed bytes and the number of items."""

    sha256: str
    items: int


def ingest_file(path: str, magic: int, target: Path | None = None) -> FileFacts:
    """Checks and digests one IDX file in a single pass that holds 1 MiB at a time.

    Reading stops one byte after what the header promises, so that neither a wrong header nor a small file that
    decompresses to a huge one costs more than the file's honest content.

    Args:
        path: Local path or Beam file system URL, plain or .gz.
        magic: The magic number that is expected.
        target: Where to write the decompressed file, or None to only check it.

    Returns:
        The digest and the number of images or labels.

    Raises:
        IdxError: The file is not a whole IDX file of the data set's images, or of labels, with at least one item.
        OSError: The target cannot be written.
    """
    digest = hashlib.sha256()
    with ExitStack() as stack:
        stream = stack.enter_context(IdxStream(path))
        output = stack.enter_context(target.open("xb")) if target else None
        shape = idx.read_stream_header(stream)
        _check_shape(path, shape, magic)
        pending: bytes | bytearray = idx.header_of(shape)
        left = math.prod(shape)
        while pending:
            digest.update(pending)
            if output:
                output.write(pending)
            pending = stream.read(min(left, CHUNK))
            left -= len(pending)
        _check_end(stream, shape, left)
    return FileFacts(digest.hexdigest(), shape[0])


def _check_shape(path: str, shape: tuple[int, ...], magic: int) -> None:
    idx.check_magic(path, shape, magic)
    if magic == idx.IMAGES_MAGIC and shape[1:] != DATASET.image_shape:
        raise IdxError(
            f"{shown(path)}: holds images of {idx.size_text(shape[1:])}, expected "
            f"{idx.size_text(DATASET.image_shape)}; resize them, or correct image_shape in modules/dataset.py"
        )
    if shape[0] == 0:
        raise IdxError(f"{shown(path)}: holds no items at all, expected at least one; give it data")


def _check_end(stream: IdxStream, shape: tuple[int, ...], left: int) -> None:
    if left:
        raise IdxError(idx.truncated_message(stream.path, shape, math.prod(shape) - left))
    # In a .gz this read also reaches the check sum.
    if stream.read(1):
        raise IdxError(
            f"{shown(stream.path)}: there are more bytes than the {math.prod(shape):,} that its header promises "
            f"for {shape[0]:,} items; fetch or create it again"
        )


def ingest_files(paths: Mapping[str, str], target: Path | None = None) -> dict[str, FileFacts]:
    """Checks and digests the four files of a data set, or six with a split `val`, and that images and labels match.

    Args:
        paths: Path or URL of each file by its plain name (see `idx_files.FILE_NAMES`).
        target: An existing folder to write the decompressed files to under their plain names, or None.

    Returns:
        The facts of each file by its plain name.

    Raises:
        IdxError: A file is not what it should be, or a split has not one label an image.
        OSError: The target cannot be written.
    """
    facts: dict[str, FileFacts] = {}
    for files in ALL_SPLIT_FILES.values():
        if not paths.keys() & set(files):
            continue
        for name, magic in zip(files, (idx.IMAGES_MAGIC, idx.LABELS_MAGIC), strict=True):
            facts[name] = ingest_file(paths[name], magic, target / name if target else None)
        images, labels = (facts[name].items for name in files)
        if images != labels:
            raise IdxError(
                f"{shown(paths[files.labels])}: holds {labels:,} labels for the {images:,} images of "
                f"{shown(paths[files.images])}; expected one label an image"
            )
    return facts
