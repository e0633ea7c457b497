"""The checks of a damaged part of a split: images beyond what is usual in another split.

A distribution hardly moves where one image in twenty is upside down, blurred, half black or dimmed; how many lie beyond
the outermost two hundredth of the other split's images tells.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.figures import BINS, FIGURES
from tfx_pipeline.gate.noise import most_by_chance
from tfx_pipeline.gate.profile import NUM_CLASSES, SplitProfile

TAIL: Final = 0.005
"""The part of a class's images that are beyond each bound, in the split that the bound is taken from."""

FEWEST: Final = 100
"""Images of a class below which its outermost ones say nothing."""


class _Beyond(NamedTuple):
    """Images of one split beyond the bounds of another.

    Attributes:
        images: Those that are compared, by class, int64 [classes].
        reference: The images that the bounds are taken from, by class, int64 [classes].
        outside: Those beyond, int64 [sides, figures, classes]; the sides are below and above.
        expected: The part that is to be expected beyond, float64 of the same shape.
    """

    images: NDArray[np.int64]
    reference: NDArray[np.int64]
    outside: NDArray[np.int64]
    expected: NDArray[np.float64]


def check_tails(names: tuple[str, str], first: SplitProfile, second: SplitProfile, limits: Limits) -> Iterator[Check]:
    """Checks each of two splits against the other."""
    for split, profile, reference in ((names[0], first, second), (names[1], second, first)):
        beyond = _beyond(profile, reference)
        if beyond.images.any():
            yield from _of_figures(names, split, beyond, limits)
            yield from _of_classes(names, split, beyond, limits)


def _beyond(profile: SplitProfile, reference: SplitProfile) -> _Beyond:
    enough = np.minimum(profile.images, reference.images)[:NUM_CLASSES] >= FEWEST
    images, of_reference = (np.where(enough, p.images[:NUM_CLASSES], 0) for p in (profile, reference))
    sides = [
        _side(profile.histograms[:NUM_CLASSES, :, ::step], reference.histograms[:NUM_CLASSES, :, ::step], of_reference)
        for step in (1, -1)
    ]
    count, expected = (np.stack(values) for values in zip(*sides, strict=True))
    return _Beyond(images, of_reference, np.where(enough, count, 0), expected)


def _side(
    histograms: NDArray[np.int64], reference: NDArray[np.int64], images: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts below the bounds, int64 [figures, classes], and what is expected there."""
    room = np.array([round(figure.room * BINS / (figure.most - figure.least)) for figure in FIGURES])
    below = _below(reference)
    # The highest bound with no more than TAIL of the reference below it.
    bound = (below <= TAIL * images[:, None, None]).sum(axis=2) - 1
    of_reference = np.take_along_axis(below, bound[:, :, None], axis=2)[:, :, 0]
    moved = np.maximum(bound - room, 0)
    count = np.take_along_axis(_below(histograms), moved[:, :, None], axis=2)[:, :, 0]
    # An image that comes next lies below the k-th of n with a probability of k of n + 1.
    return count.T, ((of_reference + 1) / (images[:, None] + 1)).T


def _below(histograms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Images in the bins below each bin, int64 [classes, figures, bins]."""
    below: NDArray[np.int64] = histograms.cumsum(axis=2) - histograms
    return below


def _of_figures(names: tuple[str, str], split: str, beyond: _Beyond, limits: Limits) -> Iterator[Check]:
    total, reference = int(beyond.images.sum()), int(beyond.reference.sum())
    for index, figure in enumerate(FIGURES):
        counts = beyond.outside[:, index].sum(axis=1)
        side = int(counts.argmax())
        expected = float((beyond.expected[side, index] * beyond.images).sum() / total)
        yield _check(
            _unusual(names, split, side, figure.name), " and ".join(names), int(counts[side]), total,
            _most(expected, total, reference, limits.max_tail_drift, limits), "max_tail_drift",
        )  # fmt: skip


def _of_classes(names: tuple[str, str], split: str, beyond: _Beyond, limits: Limits) -> Iterator[Check]:
    """The most unusual figure of each class."""
    for label in np.flatnonzero(beyond.images).tolist():
        counts = beyond.outside[:, :, label]
        side, index = np.unravel_index(int(counts.argmax()), counts.shape)
        images, reference = int(beyond.images[label]), int(beyond.reference[label])
        expected = float(beyond.expected[side, index, label])
        yield _check(
            _unusual(names, split, int(side), FIGURES[index].name), " and ".join(names),
            int(counts[side, index]), images,
            _most(expected, images, reference, limits.max_class_tail_drift, limits), "max_class_tail_drift", label,
        )  # fmt: skip


def _unusual(names: tuple[str, str], split: str, side: int, figure: str) -> str:
    (other,) = {*names} - {split}
    return f"{split} images of {('lower', 'higher')[side]} {figure} than 199 in 200 of {other}"


def _most(expected: float, images: int, reference: int, limit: float, limits: Limits) -> float:
    effective = max(1, round(1 / (1 / images + 1 / reference)))
    return max(limit, most_by_chance(expected, effective, limits.sampling_sigmas))


def _check(
    name: str, split: str, count: int, images: int, high: float, setting: str, label: int | None = None
) -> Check:
    note = f"{count:,} of {images:,}"
    return Check(name, split, count / images, "fraction", high=high, label=label, setting=setting, note=note)
