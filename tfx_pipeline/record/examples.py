"""What example-gen notes on the examples' artifact: where they come from, and how many there are."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

Rows = tuple[tuple[str, str], ...]
"""Named values, as text."""

COUNT_PROPERTY: Final = "{}_examples"
"""The number that example-gen wrote of a split."""

SOURCE_COUNT_PROPERTY: Final = "{}_in_source"
"""The number that the data has of a split, of which ``--limit`` takes the first."""

_ORIGIN: Final = ("source", "kind", "digest")


@dataclasses.dataclass(frozen=True)
class Data:
    """The data of a run: where it was from, the form or published data set that it is, its digest, its splits."""

    source: str | None
    kind: str | None
    digest: str | None
    counts: Mapping[str, int]


def data_of(properties: Mapping[str, Any]) -> Data:
    """Reads the properties, wherever they were kept: Kubeflow has whole numbers as floating-point ones."""
    source, kind, digest = (properties.get(f"data_{name}") for name in _ORIGIN)
    return Data(source, kind, digest, _by_split(properties, COUNT_PROPERTY))


def data_rows(properties: Mapping[str, Any]) -> Rows:
    """The same as text, with how many examples the data had where that is not all of them."""
    data, in_source = data_of(properties), _by_split(properties, SOURCE_COUNT_PROPERTY)
    texts = [(f"data {name}", getattr(data, name) or "") for name in _ORIGIN]
    counts = [(f"{split} examples", _taken(count, in_source.get(split, 0))) for split, count in data.counts.items()]
    return (*texts, *counts)


def _by_split(properties: Mapping[str, Any], form: str) -> dict[str, int]:
    suffix = form.format("")
    counts = {name.removesuffix(suffix): int(n or 0) for name, n in properties.items() if name.endswith(suffix)}
    return {split: counts[split] for split in sorted(counts, key=_reading_order)}


def _reading_order(split: str) -> tuple[bool, bool, str]:
    return split != "train", split == "eval", split


def _taken(count: int, in_source: int) -> str:
    return f"{count:,}, the first of {in_source:,}" if in_source > count else f"{count:,}"
