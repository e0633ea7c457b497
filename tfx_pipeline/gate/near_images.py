"""Which images of the splits are nearly the same: their signatures tell which to look at, their pixels decide."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.features import IMAGE_KEY
from tfx_pipeline.data.records import record_batches
from tfx_pipeline.gate.near_duplicates import SAME, close_pairs, differences
from tfx_pipeline.gate.profile import IMAGE_BYTES
from tfx_pipeline.gate.repetitions import Pair

_NAMED: Final = 100
"""Pairs of images that a report names, the most alike first."""


class Signatures(NamedTuple):
    """The signatures of a file's images.

    Attributes:
        split: Its split.
        path: The file.
        examples: How many examples it has.
        rows: Which of them have a signature, int64 [n].
        values: float16 [n, SIGNATURE].
    """

    split: str
    path: str
    examples: int
    rows: NDArray[np.int64]
    values: NDArray[np.float16]


class NearImages(NamedTuple):
    """What is nearly the same, and not the same.

    Attributes:
        counts: Images of one split, beyond the first of those that are alike, or of the smaller of two splits.
        named: The pairs that are the most alike, by the numbers of both images in their splits.
    """

    counts: dict[Pair, int]
    named: dict[Pair, list[tuple[int, int]]]

    def to_json(self) -> list[Any]:
        """A list that JSON can hold."""
        return [[*pair, self.counts[pair], self.named[pair]] for pair in self.counts]

    @classmethod
    def from_json(cls, content: Iterable[Any]) -> "NearImages":
        """What ``to_json`` made."""
        rows = [((first, second), count, named) for first, second, count, named in content]
        return cls({pair: count for pair, count, _ in rows}, {pair: named for pair, _, named in rows})


def find_near_images(order: Sequence[str], files: Iterable[Signatures]) -> NearImages:
    """Compares all images of the splits, whose order is the one that pairs are named in."""
    files = sorted(files, key=lambda file: (order.index(file.split), file.path))
    pairs = close_pairs(np.concatenate([file.values for file in files])) if files else None
    if pairs is None or not len(pairs.first):
        return NearImages({}, {})
    places = _Places(order, files)
    pixels = places.pixels(np.union1d(pairs.first, pairs.second))
    first, second = (np.stack([pixels[number] for number in numbers.tolist()]) for numbers in pairs)
    difference = differences(first, second)
    alike = (difference < SAME) & (first != second).any(axis=1)
    nearest = np.flatnonzero(alike)[np.argsort(difference[alike], kind="stable")]
    return places.counted(pairs.first[nearest], pairs.second[nearest])


class _Places:
    """Where the images are, by their numbers over all files."""

    def __init__(self, order: Sequence[str], files: Sequence[Signatures]) -> None:
        self._order, self._files = order, files
        self._starts = np.cumsum([0, *(len(file.rows) for file in files)])
        before: Counter[str] = Counter()
        offsets = []
        for file in files:
            offsets.append(before[file.split])
            before[file.split] += file.examples
        self._rows = np.concatenate([file.rows for file in files])
        self._index = self._rows + np.repeat(offsets, np.diff(self._starts))
        self._split = np.repeat([order.index(file.split) for file in files], np.diff(self._starts))
        self._examples = before

    def pixels(self, numbers: NDArray[np.int64]) -> dict[int, NDArray[np.uint8]]:
        """Reads the pixels of images, uint8 [bytes] by their numbers, each file once."""
        found: dict[int, NDArray[np.uint8]] = {}
        wanted: defaultdict[int, list[int]] = defaultdict(list)
        for number in numbers.tolist():
            wanted[int(np.searchsorted(self._starts, number, side="right")) - 1].append(number)
        for file, of_file in wanted.items():
            rows = {int(self._rows[number]): number for number in of_file}
            found |= {rows[row]: image for row, image in _images(self._files[file].path, rows)}
        return found

    def counted(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NearImages:
        """Counts pairs by their splits; the first split of a pair is never behind its second."""
        counts: dict[Pair, int] = {}
        named: dict[Pair, list[tuple[int, int]]] = {}
        of_first, of_second = self._split[first], self._split[second]
        for a, b in sorted({*zip(of_first.tolist(), of_second.tolist(), strict=True)}):
            chosen = (of_first == a) & (of_second == b)
            pair = self._order[a], self._order[b]
            smaller_is_first = self._examples[pair[0]] < self._examples[pair[1]]
            counts[pair] = len(np.unique((first if smaller_is_first else second)[chosen]))
            numbers = np.stack([self._index[first[chosen]], self._index[second[chosen]]], axis=1)
            named[pair] = [(int(x), int(y)) for x, y in numbers[:_NAMED]]
        return NearImages(counts, named)


def _images(path: str, rows: Iterable[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    start, left = 0, set(rows)
    for batch in record_batches(path):
        here = [row for row in left if row < start + batch.num_rows]
        for row in here:
            (image,) = batch.column(IMAGE_KEY)[row - start].as_py()
            yield row, np.frombuffer(image, np.uint8, IMAGE_BYTES)
        left -= set(here)
        start += batch.num_rows
        if not left:
            return
