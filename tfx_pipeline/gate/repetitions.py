"""Counts the images that occur more than once: in two splits, within one, under several labels."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple, Self

from tfx_pipeline.gate.file_profile import BLANK, DIGEST_BYTES, RECORD_BYTES

Pair = tuple[str, str]
"""The names of two splits."""


class Repetitions(NamedTuple):
    """Numbers of images that occur more than once.

    Attributes:
        common: Distinct images that two splits have in common.
        repeats: By split, images beyond the first of those that are the same and not blank.
        contradictions: By split, labels beyond the first that the same such image has.
    """

    common: Counter[Pair]
    repeats: Counter[str]
    contradictions: Counter[str]

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """Adds up."""
        total = cls(Counter(), Counter(), Counter())
        for part in parts:
            total.common.update(part.common)
            total.repeats.update(part.repeats)
            total.contradictions.update(part.contradictions)
        return total


def find_repetitions(order: Sequence[str], parts: Iterable[tuple[str, bytes]]) -> Repetitions:
    """Compares images by their digests.

    Args:
        order: The splits in the order that pairs are named in.
        parts: (split, records of ``file_profile`` one after the other), of one bucket.

    Returns:
        What occurs more than once.
    """
    seen: dict[str, Counter[bytes]] = {split: Counter() for split in order}
    for split, content in parts:
        seen[split].update(content[i : i + RECORD_BYTES] for i in range(0, len(content), RECORD_BYTES))
    images = {split: {record[:DIGEST_BYTES] for record in records} for split, records in seen.items()}
    total = Repetitions(Counter(), Counter(), Counter())
    for split, records in seen.items():
        blank = [record for record in records if record.endswith(BLANK)]
        labelled = records.total() - sum(records[record] for record in blank)
        total.repeats[split] = labelled - (len(images[split]) - len(blank))
        total.contradictions[split] = len(records) - len(images[split])
    for first, second in combinations(order, 2):
        total.common[first, second] = len(images[first] & images[second])
    return total
