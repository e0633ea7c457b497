"""What the forms have in common: opening files, telling splits by names, and writing IDX files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import ENOUGH, kind_of
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.idx import header_of
from tfx_pipeline.data.idx_files import SPLIT_FILES
from tfx_pipeline.data.stream import AGAIN, IdxError, open_raw, reason_of, shown
from tfx_pipeline.process.errors import UserError, is_disk_full

BATCH: Final = 1_000
"""Examples that are held at once."""

_LARGEST_LABEL: Final = 255  # of a byte; the data gate refuses those beyond the classes

SPLIT_WORDS: Final = {"train": ("train", "training"), "eval": ("eval", "test", "testing", "val", "valid", "validation")}
"""The words in the names of files and folders that tell a split."""


class Batch(NamedTuple):
    """Some examples: uint8 images of shape [n, *DATASET.image_shape] and uint8 labels of shape [n]."""

    images: np.ndarray
    labels: np.ndarray


Splits = Mapping[str, Iterator[Batch]]


@contextmanager
def reading(path: str, expected: str) -> Iterator[BinaryIO]:
    """Opens a file as it is stored and says in one line what keeps it from being read.

    Args:
        path: Local path or URL.
        expected: What it should be, such as "a Parquet file".

    Yields:
        The file, which can seek.

    Raises:
        IdxError: Instead of whatever the block raises about the file; a UserError and a full disk stay what they are.
    """
    start = None
    try:
        with open_raw(path)[0] as file:
            start = file.read(ENOUGH)
            file.seek(0)
            yield file
    except UserError:
        raise
    except Exception as error:  # every decoder raises errors of its own
        if is_disk_full(error):
            raise
        raise unreadable(path, expected, start, error) from error


def unreadable(where: str, expected: str, start: bytes | None, error: Exception) -> IdxError:
    """Says what was found instead of what was expected, from the first bytes or else from the error."""
    kind = None if start is None else kind_of(start)
    found = f"the file is {kind}" if kind and kind not in expected else f"cannot be read ({reason_of(error)})"
    return IdxError(f"{shown(where)}: {found}; expected {expected}; {AGAIN}")


def split_folders(folder: Folder) -> list[str]:
    """Lists the sub-folders that are named as a split."""
    return [name for name in folder.folders if name.lower() in (*SPLIT_WORDS["train"], *SPLIT_WORDS["eval"])]


def by_split(folder: Folder, names: Iterable[str], what: str) -> dict[str, list[str]]:
    """Sorts names into splits by the word in them.

    Args:
        folder: Where they lie.
        names: Names of files or folders.
        what: What they are, in the plural.

    Returns:
        One name or more for each split.

    Raises:
        IdxError: A split has none, or two words stand for it.
    """
    words: dict[str, list[str]] = {}
    for name in names:
        for word in set(re.split(r"[^a-z]+", name.lower())):
            words.setdefault(word, []).append(name)
    found = {split: [word for word in known if word in words] for split, known in SPLIT_WORDS.items()}
    for split, present in found.items():
        if not present:
            known = ", ".join(SPLIT_WORDS[split])
            raise IdxError(
                f"{shown(folder.path)}: has no {what} of the split {split}; expected a name with one of {known}"
            )
        if len(present) > 1:
            raise IdxError(
                f"{shown(folder.path)}: has {what} of {' and of '.join(present)}; keep one as the split {split}"
            )
    return {split: words[present[0]] for split, present in found.items()}


def one_by_split(folder: Folder, names: Iterable[str], what: str) -> dict[str, str]:
    """As `by_split`, where a split has exactly one name."""
    found = by_split(folder, names, what)
    for split, several in found.items():
        if len(several) > 1:
            raise IdxError(f"{shown(folder.path)}: has {', '.join(several)} for the split {split}; keep one")
    return {split: name for split, (name,) in found.items()}


def as_labels(values: np.ndarray, path: str) -> np.ndarray:
    """Gives labels as bytes.

    Args:
        values: Any array of shape [n] or [n, 1].
        path: The file, for the message.

    Returns:
        uint8 [n].

    Raises:
        IdxError: The values are no integers from 0 to 255.
    """
    if values.dtype.kind not in "iu":
        raise IdxError(f"{shown(path)}: holds labels of {values.dtype}; expected integers")
    if values.size and not 0 <= values.min() <= values.max() <= _LARGEST_LABEL:
        found = f"{values.min()} to {values.max()}"
        raise IdxError(f"{shown(path)}: holds labels from {found}; expected 0 to {DATASET.num_classes - 1}")
    return values.reshape(len(values)).astype(np.uint8)


def write_idx(splits: Splits, folder: Path, origin: str) -> str:
    """Writes the four IDX files, a batch at a time.

    Args:
        splits: The batches of each split.
        folder: An existing folder.
        origin: Where the examples are from, for the message.

    Returns:
        `folder`.

    Raises:
        IdxError: A split is empty, or what its batches raise.
        OSError: The folder cannot be written.
    """
    for split, batches in splits.items():
        names, count = SPLIT_FILES[split], 0
        with (folder / names.images).open("wb") as images, (folder / names.labels).open("wb") as labels:
            _write_headers(images, labels, count)
            for batch in batches:
                count += len(batch.labels)
                images.write(batch.images.tobytes())
                labels.write(batch.labels.tobytes())
            _write_headers(images, labels, count)
        if not count:
            raise IdxError(f"{shown(origin)}: holds no images at all of the split {split}; give it data")
    return str(folder)


def _write_headers(images: BinaryIO, labels: BinaryIO, count: int) -> None:
    for file, shape in ((images, (count, *DATASET.image_shape)), (labels, (count,))):
        file.seek(0)
        file.write(header_of(shape))
