"""What the forms share: opening files, telling splits by names, and writing IDX files."""

import re
from collections.abc import Iterator, Mapping, Sequence
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

_SPLIT_WORDS: Final = {"train": ("train", "training"), "eval": ("eval", "test", "val", "valid", "validation")}
_LARGEST_LABEL: Final = 255  # of a byte; the data gate refuses those beyond the classes


class Batch(NamedTuple):
    """Some examples: uint8 images of shape [n, *DATASET.image_shape] and uint8 labels of shape [n]."""

    images: np.ndarray
    labels: np.ndarray


Splits = Mapping[str, Iterator[Batch]]


@contextmanager
def reading(path: str, expected: str) -> Iterator[BinaryIO]:
    """Opens a file as it is stored, to read and seek in.

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
    return [name for name in folder.folders if name.lower() in sum(_SPLIT_WORDS.values(), ())]


def by_split(folder: Folder, names: Sequence[str], what: str, *, several: bool = False) -> dict[str, list[str]]:
    """Sorts names in a folder into splits by the word in them, one name a split or `several`.

    Raises:
        IdxError: A split has none, or too many, or under two words.
    """
    result = {}
    for split, known in _SPLIT_WORDS.items():
        words = {name: set(known) & set(re.split(r"[^a-z]+", name.lower())) for name in names}
        result[split] = [name for name in names if words[name]]
        if len(set().union(*words.values())) != 1 or (len(result[split]) > 1 and not several):
            found = ", ".join(result[split]) or f"no {what}"
            expected = f"{'names' if several else 'one name'} with one of the words {', '.join(known)}"
            raise IdxError(f"{shown(folder.path)}: has {found} for the split {split}; expected {expected}")
    return result


def as_labels(values: np.ndarray, path: str) -> np.ndarray:
    """Gives integers from 0 to 255, of shape [n] or [n, 1], as uint8 [n], and refuses others naming the file."""
    if values.dtype.kind not in "iu":
        raise IdxError(f"{shown(path)}: holds labels of {values.dtype}; expected integers")
    if values.size and not 0 <= values.min() <= values.max() <= _LARGEST_LABEL:
        found = f"{values.min()} to {values.max()}"
        raise IdxError(f"{shown(path)}: holds labels from {found}; expected 0 to {DATASET.num_classes - 1}")
    return values.reshape(len(values)).astype(np.uint8)


def write_idx(splits: Splits, folder: Path, origin: str) -> None:
    """Writes the four IDX files into an existing folder, a batch at a time.

    Raises:
        IdxError: A split of `origin` is empty, or what its batches raise.
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


def _write_headers(images: BinaryIO, labels: BinaryIO, count: int) -> None:
    for file, shape in ((images, (count, *DATASET.image_shape)), (labels, (count,))):
        file.seek(0)
        file.write(header_of(shape))
