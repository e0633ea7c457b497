"""One check of the data gate: a figure, the limits it must lie between, and how both are written."""

import dataclasses
import math
from typing import Any, Literal

from modules.dataset import DATASET
from tfx_pipeline.config.limits import REASONS

Unit = Literal["count", "fraction", "grey", "ratio"]


@dataclasses.dataclass(frozen=True)
class Check:
    """A figure and its limits.

    Attributes:
        name: What was measured, as words that follow on "data gate:".
        split: Where; two splits are joined with " and ".
        figure: What it came to.
        unit: What the figure is: a number of things, a fraction of 1, a grey level from 0 to 255, or a plain number.
        low: The least that it may be; None where there is no such limit.
        high: The most that it may be; None where there is no such limit.
        label: The class, or None where all images are meant.
        setting: The name of the limit in limits.toml; "" where it cannot be set.
        reason: Why the limit is what it is.
        note: Details of the finding, or "".
        feature: The feature that is at fault, where it is one.
        images: The images that were found, as many as are named: split and number in it, from 0.
    """

    name: str
    split: str
    figure: float
    unit: Unit
    low: float | None = None
    high: float | None = None
    label: int | None = None
    setting: str = ""
    reason: str = ""
    note: str = ""
    feature: str = ""
    images: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the figure lies within its limits."""
        return (self.low is None or self.figure >= self.low) and (self.high is None or self.figure <= self.high)

    @property
    def subject(self) -> str:
        """What was measured, with the class."""
        return (
            self.name
            if self.label is None
            else f"{self.name} of class {self.label} ({DATASET.class_names[self.label]})"
        )

    @property
    def limit(self) -> str:
        """The limits in words."""
        low, high = (None if x is None else self.written(x) for x in (self.low, self.high))
        if low is not None and high is not None:
            return low if low == high else f"{low} to {high}"
        return f"at least {low}" if high is None else f"at most {high}"

    def written(self, value: float) -> str:
        """A figure or limit as a person reads it."""
        if self.unit == "count":
            return f"{value:,.0f}"
        if self.unit == "fraction":
            return f"{_significant(100 * value)} %"
        return _significant(value)

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.subject} in {self.split}: {self.written(self.figure)}{note}, expected {self.limit}"

    def to_dict(self) -> dict[str, Any]:
        """The check as what JSON can hold; ``limit`` is text for a reader, ``low`` and ``high`` are numbers."""
        return {
            "name": self.name,
            "split": self.split,
            "class": "" if self.label is None else DATASET.class_names[self.label],
            "figure": self.figure,
            "limit": self.limit,
            "low": self.low,
            "high": self.high,
            "unit": self.unit,
            "ok": self.ok,
            "text": str(self),
            "setting": self.setting,
            "reason": self.reason or REASONS.get(self.setting, ""),
            "images": [] if self.ok else list(self.images),
        }


def _significant(value: float) -> str:
    """Four significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text
