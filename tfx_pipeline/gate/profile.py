"""What the data gate learns about a split: counts and sums that are exact, small and can be merged."""

import dataclasses
from dataclasses import field, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.gate.figures import BINS, FIGURES, bins_of, figures_of
from tfx_pipeline.gate.likeness import Likeness, coarse_sums, leads

NUM_CLASSES: Final = DATASET.num_classes
IMAGE_BYTES: Final = DATASET.image_bytes
MEASURES: Final = ("intensity", "contrast", "gradient")
"""What is measured of each image, in grey levels over all channels: the mean of its values, their standard deviation
(RMS contrast), and the mean absolute difference of neighbouring pixels, channel by channel."""

NO_CLASS: Final = NUM_CLASSES
"""The row of the images whose label is missing or none of the classes."""

ROWS: Final = NUM_CLASSES + 1

ROUNDED: Final = ("sums", "squares", "leads", "lead_squares")
"""The sums of fractions; all others are of whole numbers, which float64 holds exactly."""


@dataclasses.dataclass
class SplitProfile:
    """Sums over the examples of a split; arrays with a row a class have a last row for images without a class.

    Attributes:
        examples: Examples.
        missing_images: Examples without exactly one image.
        missing_labels: Examples without exactly one label.
        wrong_sizes: Images that have not ``IMAGE_BYTES``.
        size_range: Smallest and largest size of those in bytes; [0, 0] where there are none.
        wrong_labels: Labels outside the classes.
        label_range: Smallest and largest of those; [0, 0] where there are none.
        labels: Examples of each class, int64 [classes].
        images: Images of the right size, int64 [rows].
        blank: Those of one colour, int64 [rows].
        sums: Sum of each measure, float64 [rows, measures].
        squares: Sum of its square, float64 [rows, measures].
        histograms: Images by each of ``FIGURES``, int64 [rows, figures, bins].
        pixel_sums: Sum of the images, float64 [classes, bytes].
        pixel_squares: Sum of the squares of all pixels, float64 [classes].
        value_squares: Sum of the squares of each value over the images with a class, float64 [bytes].
        likened: Images of each class whose likeness was measured, int64 [classes]: those that are not blank, where it
            is known what each class looks like.
        unlike: Those that are unlike their class, int64 [classes].
        leads: Sum over the images of each class of how much liker it than each class they are, float64 [classes,
            classes].
        lead_squares: Sum of its square.
        repeats: Images beyond the first of those that are the same and not blank, over all files of a split.
        contradictions: Labels beyond the first that the same such image has.
    """

    examples: int = 0
    missing_images: int = 0
    missing_labels: int = 0
    wrong_sizes: int = 0
    size_range: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    wrong_labels: int = 0
    label_range: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_CLASSES, np.int64))
    images: NDArray[np.int64] = field(default_factory=lambda: np.zeros(ROWS, np.int64))
    blank: NDArray[np.int64] = field(default_factory=lambda: np.zeros(ROWS, np.int64))
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((ROWS, len(MEASURES)), np.float64))
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros((ROWS, len(MEASURES)), np.float64))
    histograms: NDArray[np.int64] = field(default_factory=lambda: np.zeros((ROWS, len(FIGURES), BINS), np.int64))
    pixel_sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((NUM_CLASSES, IMAGE_BYTES), np.float64))
    pixel_squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(NUM_CLASSES, np.float64))
    value_squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(IMAGE_BYTES, np.float64))
    likened: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_CLASSES, np.int64))
    unlike: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_CLASSES, np.int64))
    leads: NDArray[np.float64] = field(default_factory=lambda: np.zeros((NUM_CLASSES, NUM_CLASSES), np.float64))
    lead_squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros((NUM_CLASSES, NUM_CLASSES), np.float64))
    repeats: int = 0
    contradictions: int = 0

    def merge(self, other: "SplitProfile") -> None:
        """Adds the examples of another profile."""
        self.size_range = _hull(self.size_range, self.wrong_sizes, other.size_range, other.wrong_sizes)
        self.label_range = _hull(self.label_range, self.wrong_labels, other.label_range, other.wrong_labels)
        for name in (f.name for f in dataclasses.fields(self)):
            if not name.endswith("_range"):
                setattr(self, name, getattr(self, name) + getattr(other, name))

    def exact(self) -> "SplitProfile":
        """The profile with fractions for floats: such add up to the same in whatever order a runner merges them."""
        return self._with_rounded(object, Fraction)

    def in_floats(self) -> "SplitProfile":
        """What ``exact`` described, rounded once."""
        return self._with_rounded(np.float64, float)

    def _with_rounded(self, dtype: Any, convert: Any) -> "SplitProfile":
        return replace(self, **{name: np.vectorize(convert, [dtype])(getattr(self, name)) for name in ROUNDED})

    def add_labels(self, labels: NDArray[np.int64]) -> None:
        """Counts labels, int64 [examples that have one]."""
        wrong = labels[(labels < 0) | (labels >= NUM_CLASSES)]
        self.label_range = _hull(self.label_range, self.wrong_labels, _range(wrong), len(wrong))
        self.wrong_labels += len(wrong)
        self.labels += np.bincount(labels[(labels >= 0) & (labels < NUM_CLASSES)], minlength=NUM_CLASSES)

    def add_wrong_sizes(self, sizes: NDArray[np.int64]) -> None:
        """Counts images by their sizes in bytes, none of which is ``IMAGE_BYTES``."""
        self.size_range = _hull(self.size_range, self.wrong_sizes, _range(sizes), len(sizes))
        self.wrong_sizes += len(sizes)

    def add_images(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], likeness: Likeness | None = None
    ) -> NDArray[np.bool_]:
        """Adds images of the right size.

        Args:
            images: uint8 [n, bytes].
            labels: int64 [n]; any value that is no class where an image has none.
            likeness: How like each class an image is; None where it is not known what each class looks like.

        Returns:
            Which images are blank, bool [n].
        """
        rows = np.where((labels >= 0) & (labels < NUM_CLASSES), labels, NO_CLASS)
        pixels = images.astype(np.float32)
        measures = measure(images, pixels)
        self.images += np.bincount(rows, minlength=ROWS)
        blank = _one_colour(images)
        self.blank += np.bincount(rows[blank], minlength=ROWS)
        self.sums += _sum_by_row(rows, measures)
        self.squares += _sum_by_row(rows, measures**2)
        coarse = coarse_sums(images)
        upright = likeness.upright(coarse, rows) if likeness else np.zeros(len(images))
        self.histograms += _histograms(rows, np.column_stack([figures_of(images, measures, coarse), upright]))
        self.value_squares += _squares(pixels[rows != NO_CLASS])
        squares = np.einsum("ij,ij->i", pixels, pixels)
        # A loop over the classes, because a matrix product of this size waits longer for its threads than it computes.
        for label in np.unique(rows[rows != NO_CLASS]):
            # Sums of whole numbers below 2**24 are exact in float32: up to 65,000 images.
            self.pixel_sums[label] += pixels[rows == label].sum(axis=0)
            self.pixel_squares[label] += squares[rows == label].sum(dtype=np.float64)
        if likeness:
            chosen = (rows != NO_CLASS) & ~blank
            self._add_likeness(likeness, coarse[chosen], rows[chosen])
        return blank

    def _add_likeness(self, likeness: Likeness, coarse: NDArray[np.uint32], labels: NDArray[np.int64]) -> None:
        lead = leads(likeness.to_classes(coarse), labels)
        self.likened += np.bincount(labels, minlength=NUM_CLASSES)
        self.unlike += np.bincount(labels[lead.min(axis=1) < -likeness.margin[labels]], minlength=NUM_CLASSES)
        for label in np.unique(labels):
            self.leads[label] += lead[labels == label].sum(axis=0)
            self.lead_squares[label] += (lead[labels == label] ** 2).sum(axis=0)

    def to_dict(self) -> dict[str, Any]:
        """The profile as what JSON can hold."""
        return {f.name: np.asarray(getattr(self, f.name)).tolist() for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SplitProfile":
        """The profile that ``to_dict`` described."""
        profile = cls()
        for name, value in values.items():
            setattr(
                profile, name, np.asarray(value, getattr(profile, name).dtype) if isinstance(value, list) else value
            )
        return profile


def measure(images: NDArray[np.uint8], pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measures each image.

    Args:
        images: uint8 [n, bytes].
        pixels: The same as float32.

    Returns:
        ``MEASURES``, float64 [n, measures] in grey levels.
    """
    intensity = images.sum(axis=1, dtype=np.uint32) / IMAGE_BYTES
    mean_square = np.einsum("ij,ij->i", pixels, pixels) / np.float64(IMAGE_BYTES)
    contrast = np.sqrt(np.maximum(mean_square - intensity**2, 0))
    return np.stack([intensity, contrast, _gradient(images)], axis=1)


def _one_colour(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which images are blank, bool [n]: every pixel is like the one before it."""
    same: NDArray[np.bool_] = (images[:, DATASET.channels :] == images[:, : -DATASET.channels]).all(axis=1)
    return same


def _gradient(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute difference of neighbouring pixels, of the mean over the columns and the mean over the rows."""
    height, width, channels = *DATASET.image_shape[:2], DATASET.channels
    row = width * channels
    vertical = _distance(images[:, row:], images[:, :-row])
    horizontal = _distance(images[:, channels:], images[:, :-channels])
    # The last pixel of a row has no neighbour in the next one.
    for channel in range(channels):
        horizontal[:, row - channels + channel :: row] = 0
    of_columns = vertical.sum(axis=1, dtype=np.int32) / max(1, (height - 1) * row)
    of_rows = horizontal.sum(axis=1, dtype=np.int32) / max(1, height * (row - channels))
    gradient: NDArray[np.float64] = (of_columns + of_rows) / 2
    return gradient


def _distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Absolute difference, in uint8: a wider type would take more memory and time."""
    return np.maximum(a, b) - np.minimum(a, b)


def _sum_by_row(rows: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.bincount(rows, column, ROWS) for column in values.T], axis=1)


def _histograms(rows: NDArray[np.int64], figures: NDArray[np.float64]) -> NDArray[np.int64]:
    size = len(FIGURES) * BINS
    cells = rows[:, None] * size + np.arange(0, size, BINS) + bins_of(figures)
    return np.bincount(cells.ravel(), minlength=ROWS * size).reshape(ROWS, len(FIGURES), BINS)


def _squares(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of the squares of each value, float64 [bytes]; of 256 images, it is exact in float32."""
    total = np.zeros(IMAGE_BYTES)
    for start in range(0, len(pixels), 256):
        part = pixels[start : start + 256]
        total += np.einsum("ij,ij->j", part, part)
    return total


def _range(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([values.min(), values.max()]) if len(values) else np.zeros(2, np.int64)


def _hull(a: NDArray[np.int64], count_a: int, b: NDArray[np.int64], count_b: int) -> NDArray[np.int64]:
    """The range that covers two ranges, of which one without a count covers nothing."""
    if not count_a or not count_b:
        return b if count_b else a
    return np.array([min(a[0], b[0]), max(a[1], b[1])])
