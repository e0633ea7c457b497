"""Figures of a single image, of which a profile has histograms: what shows that a part of a split is damaged."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfx_pipeline.config.limits import COARSE_SHAPE

BINS: Final = 256


class Figure(NamedTuple):
    """A figure of an image, of which the profile has a histogram of ``BINS`` bins.

    Attributes:
        name: What it is.
        least: The lower end of the histogram.
        most: The upper end.
        room: By how much images may be beyond those of another split and still be like them: what a move by a pixel or
            another compression changes.
    """

    name: str
    least: float
    most: float
    room: float = 0.0


FIGURES: Final = (
    Figure("intensity", 0, 256),
    Figure("contrast", 0, 128),
    Figure("brightest value", 0, 256, 50),
    Figure("sharpness", 0, 1.28, 0.02),
    Figure("brightness of the upper half", -1, 1, 0.08),
    Figure("brightness of the left half", -1, 1, 0.08),
    Figure("likeness to its class upright", -128, 128, 4),
)
"""Intensity and contrast of ``MEASURES`` in grey levels; the gradient as a part of the contrast; how much brighter a
half is than the other, as a part of both; how much liker its class an image is than its class upside down, in grey
levels."""


def figures_of(
    images: NDArray[np.uint8], measures: NDArray[np.float64], coarse: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """All of ``FIGURES`` but the last, float64 [n, figures - 1]."""
    intensity, contrast, gradient = measures.T
    cells = coarse.reshape(len(images), *COARSE_SHAPE).astype(np.float64)
    sharpness = gradient / np.maximum(contrast, 1e-3)
    halves = [_first_half(cells.sum(axis=axes)) for axes in ((2, 3), (1, 3))]
    return np.column_stack([intensity, contrast, images.max(axis=1), sharpness, *halves])


def _first_half(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much brighter the first half of the lines is than the other, as a part of both, float64 [n]."""
    half = max(1, lines.shape[1] // 2)
    first, last = lines[:, :half].sum(axis=1), lines[:, -half:].sum(axis=1)
    brighter: NDArray[np.float64] = (first - last) / np.maximum(first + last, 1)
    return brighter


def bins_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bins of figures, float64 [..., figures]."""
    least, most = (np.array([getattr(figure, end) for figure in FIGURES]) for end in ("least", "most"))
    bins: NDArray[np.int64] = np.clip((values - least) * (BINS / (most - least)), 0, BINS - 1).astype(np.int64)
    return bins
