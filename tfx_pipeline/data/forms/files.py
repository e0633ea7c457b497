"""What the forms share: opening files, telling splits by names, and writing IDX files."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import ENOUGH, kind_of
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.idx import header_of
from tfx_pipeline.data.idx_files import ALL_SPLIT_FILES
from tfx_pipeline.data.origin import Run, Writer
from tfx_pipeline.data.stream import AGAIN, IdxError, open_raw, reason_of, shown
from tfx_pipeline.process.errors import UserError, is_disk_full

BATCH: Final = 1_000
"""Examples that are held at once."""

_TRAINED: Final = ("train", "training")
_JUDGED: Final = (("test", "testing"), ("eval", "evaluation"), ("val", "valid", "validation", "dev"))
"""What people call the other splits: the first of these groups that is there judges the model, another is held back."""

_WORDS: Final = frozenset(_TRAINED).union(*_JUDGED)
LARGEST_LABEL: Final = 255  # of a byte; the data gate refuses those beyond the classes


T = TypeVar("T")
R = TypeVar("R")


class Batch(NamedTuple):
    """Some examples: uint8 images of shape [n, *DATASET.image_shape], uint8 labels of shape [n], where they lie."""

    images: np.ndarray
    labels: np.ndarray
    origins: Sequence[Run]


class Splits(NamedTuple):
    """The examples of ``train``, of ``eval`` and, where the data has three splits, of ``val``, which is held back.

    Attributes:
        batches: Reads each split.
        words: What the data calls each.
        skipped: What was passed over, by name; it grows while the batches are read.
    """

    batches: Mapping[str, Iterator[Batch]]
    words: Mapping[str, str]
    skipped: Counter[str]


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


def words_in(name: str) -> set[str]:
    """The words of a name that say which split it is."""
    return set(re.split(r"[^a-z]+", name.lower())) & _WORDS


def split_folders(folder: Folder) -> list[str]:
    """Lists the sub-folders that are named as a split."""
    return [name for name in folder.folders if name.lower() in _WORDS]


def by_split(
    folder: Folder, names: Sequence[str], what: str, *, several: bool = False
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Sorts names in a folder into splits by the word in them, one name a split or `several`.

    Returns:
        The names of each split, and the word for it.

    Raises:
        IdxError: A split has none, or too many, or under two words; or a name is of no split, or of two.
    """
    words = {name: words_in(name) for name in names}
    present = set().union(*words.values())
    names_of, word_of = {}, {}
    for split, group in _roles(present).items():
        names_of[split] = [name for name in names if words[name] & set(group)]
        used = present & set(group)
        if len(used) != 1 or (len(names_of[split]) > 1 and not several):
            listed = ", ".join(names_of[split]) or f"no {what}"
            expected = f"{'names' if several else 'one name'} with one of the words {', '.join(group)}"
            raise IdxError(f"{shown(folder.path)}: has {listed} for the split {split}; expected {expected}")
        (word_of[split],) = used
    stray = [name for name in names if sum(name in of_split for of_split in names_of.values()) != 1]
    if stray:
        others = f" (and {len(stray) - 1:,} more)" if stray[1:] else ""
        raise IdxError(
            f"{shown(folder.at(stray[0]))}: is of none of the splits {', '.join(word_of.values())} by its name, or of "
            f"two{others}; rename it, or keep it elsewhere"
        )
    return names_of, word_of


def _roles(words: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The words for each split: ``eval`` is judged, and of two such groups the second is ``val``."""
    groups = [group for group in _JUDGED if set(group) & set(words)]
    judged = groups[0] if groups else tuple(word for group in _JUDGED for word in group)
    return {"train": _TRAINED, "eval": judged} | ({"val": groups[1]} if groups[1:] else {})


def read_all(
    items: Iterable[T], read: Callable[[T], tuple[np.ndarray, int]], origin: Callable[[T], Run]
) -> Iterator[Batch]:
    """Reads images and labels one by one into batches.

    Raises:
        IdxError: One is refused; the line says how many others are, which are read to tell.
    """
    examples = _readable(iter(items), read)
    while part := list(islice(examples, BATCH)):
        images, labels = zip(*(example for _, example in part), strict=True)
        yield Batch(np.stack(images), np.array(labels, np.uint8), [origin(item) for item, _ in part])


def _readable(remaining: Iterator[T], read: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    for item in remaining:
        try:
            example = read(item)
        except IdxError as error:
            more = sum(_is_refused(read, other) for other in remaining)
            raise IdxError(f"{error} (and {more:,} more)" if more else str(error)) from error
        yield item, example


def _is_refused(read: Callable[[T], object], item: T) -> bool:
    try:
        read(item)
    except IdxError:
        return True
    return False


def as_labels(values: np.ndarray, path: str) -> np.ndarray:
    """Gives integers from 0 to 255, of shape [n] or [n, 1], as uint8 [n], and refuses others naming the file."""
    if values.dtype.kind not in "iu":
        raise IdxError(f"{shown(path)}: holds labels of {values.dtype}; expected integers")
    if values.size and not 0 <= values.min() <= values.max() <= LARGEST_LABEL:
        found = f"{values.min()} to {values.max()}"
        raise IdxError(f"{shown(path)}: holds labels from {found}; expected 0 to {DATASET.num_classes - 1}")
    return values.reshape(len(values)).astype(np.uint8)


def write_idx(splits: Splits, folder: Path, data_dir: str, root: str) -> None:
    """Writes the IDX files into an existing folder, a batch at a time, and where their examples lie, from `root` on.

    Raises:
        IdxError: A split of `data_dir` is empty, or what its batches raise.
        OSError: The folder cannot be written.
    """
    for split, batches in splits.batches.items():
        names, count = ALL_SPLIT_FILES[split], 0
        with (
            (folder / names.images).open("wb") as images,
            (folder / names.labels).open("wb") as labels,
            Writer(folder, split, root) as origins,
        ):
            _write_headers(images, labels, count)
            for batch in batches:
                count += len(batch.labels)
                images.write(batch.images.tobytes())
                labels.write(batch.labels.tobytes())
                for run in batch.origins:
                    origins.add(run)
            _write_headers(images, labels, count)
        if not count:
            raise IdxError(f"{shown(data_dir)}: holds no images at all of the split {split}; give it data")


def _write_headers(images: BinaryIO, labels: BinaryIO, count: int) -> None:
    for file, shape in ((images, (count, *DATASET.image_shape)), (labels, (count,))):
        file.seek(0)
        file.write(header_of(shape))
