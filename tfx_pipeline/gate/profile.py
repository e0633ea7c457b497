"""What the data gate learns about a split: counts and sums that are exact, small and can be merged."""

import dataclasses
from dataclasses import field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modules.features import IMAGE_SHAPE, NUM_CLASSES

PIXELS: Final = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
MEASURES: Final = ("intensity", "contrast", "gradient")
"""What is measured of each image, in grey levels: the mean of its pixels, their standard deviation (RMS contrast), and
the mean absolute difference of neighbouring pixels."""

BINS: Final = 256
"""Bins of the histograms of intensity (one grey level each) and contrast (half a grey level: it is 127.5 at most)."""

NO_CLASS: Final = NUM_CLASSES
"""The row of the images whose label is missing or none of the classes."""

ROWS: Final = NUM_CLASSES + 1


@dataclasses.dataclass
class SplitProfile:
    """Sums over the examples of a split; arrays with a row a class have a last row for images without a class.

    Attributes:
        examples: Examples.
        missing_images: Examples without exactly one image.
        missing_labels: Examples without exactly one label.
        wrong_sizes: Images that have not 784 bytes.
        size_range: Smallest and largest size of those in bytes; [0, 0] where there are none.
        wrong_labels: Labels that are none of the classes.
        label_range: Smallest and largest of those; [0, 0] where there are none.
        labels: Examples of each class, int64 [classes].
        images: Images of the right size, int64 [rows].
        blank: Those of one colour, int64 [rows].
        sums: Sum of each measure, float64 [rows, measures].
        squares: Sum of its square, float64 [rows, measures].
        histograms: Images by intensity and by contrast, int64 [rows, 2, bins].
        pixel_sums: Sum of the images, float64 [classes, pixels].
        pixel_squares: Sum of the squares of all pixels, float64 [classes].
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
    histograms: NDArray[np.int64] = field(default_factory=lambda: np.zeros((ROWS, 2, BINS), np.int64))
    pixel_sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((NUM_CLASSES, PIXELS), np.float64))
    pixel_squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(NUM_CLASSES, np.float64))

    def merge(self, other: "SplitProfile") -> None:
        """Adds the examples of another profile."""
        self.size_range = _hull(self.size_range, self.wrong_sizes, other.size_range, other.wrong_sizes)
        self.label_range = _hull(self.label_range, self.wrong_labels, other.label_range, other.wrong_labels)
        for name in (f.name for f in dataclasses.fields(self)):
            if not name.endswith("_range"):
                setattr(self, name, getattr(self, name) + getattr(other, name))

    def add_labels(self, labels: NDArray[np.int64]) -> None:
        """Counts labels, int64 [examples that have one]."""
        wrong = labels[(labels < 0) | (labels >= NUM_CLASSES)]
        self.label_range = _hull(self.label_range, self.wrong_labels, _range(wrong), len(wrong))
        self.wrong_labels += len(wrong)
        self.labels += np.bincount(labels[(labels >= 0) & (labels < NUM_CLASSES)], minlength=NUM_CLASSES)

    def add_wrong_sizes(self, sizes: NDArray[np.int64]) -> None:
        """Counts images by their sizes in bytes, none of which is 784."""
        self.size_range = _hull(self.size_range, self.wrong_sizes, _range(sizes), len(sizes))
        self.wrong_sizes += len(sizes)

    def add_images(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Adds images of the right size.

        Args:
            images: uint8 [n, pixels].
            labels: int64 [n]; any value that is no class where an image has none.
        """
        rows = np.where((labels >= 0) & (labels < NUM_CLASSES), labels, NO_CLASS)
        measures, blank = measure(images)
        # Sums of whole numbers below 2**24 are exact in float32, which a batch of 65,000 images stays under.
        one_hot = np.zeros((ROWS, len(images)), np.float32)
        one_hot[rows, np.arange(len(images))] = 1
        pixels = images.astype(np.float32)
        self.images += np.bincount(rows, minlength=ROWS)
        self.blank += np.bincount(rows[blank], minlength=ROWS)
        self.sums += one_hot.astype(np.float64) @ measures
        self.squares += one_hot.astype(np.float64) @ measures**2
        self.histograms += _histograms(rows, measures)
        self.pixel_sums += (one_hot @ pixels)[:NUM_CLASSES]
        self.pixel_squares += np.bincount(rows, np.einsum("ij,ij->i", pixels, pixels), ROWS)[:NUM_CLASSES]

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


def measure(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measures each image.

    Args:
        images: uint8 [n, pixels].

    Returns:
        ``MEASURES``, float64 [n, measures] in grey levels, and whether the image is blank, bool [n].
    """
    pixels = images.astype(np.float32)
    intensity = pixels.mean(axis=1)
    contrast = pixels.std(axis=1)
    square = images.reshape(-1, *IMAGE_SHAPE).astype(np.int16)
    gradient = (np.abs(np.diff(square, axis=1)).mean((1, 2)) + np.abs(np.diff(square, axis=2)).mean((1, 2))) / 2
    blank = images.min(axis=1) == images.max(axis=1)
    return np.stack([intensity, contrast, gradient], axis=1).astype(np.float64), blank


def _histograms(rows: NDArray[np.int64], measures: NDArray[np.float64]) -> NDArray[np.int64]:
    bins = np.minimum((measures[:, :2] * [1, 2]).astype(np.int64), BINS - 1)
    cells = rows[:, None] * 2 * BINS + np.array([0, BINS]) + bins
    return np.bincount(cells.ravel(), minlength=ROWS * 2 * BINS).reshape(ROWS, 2, BINS)


def _range(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array([values.min(), values.max()]) if len(values) else np.zeros(2, np.int64)


def _hull(a: NDArray[np.int64], count_a: int, b: NDArray[np.int64], count_b: int) -> NDArray[np.int64]:
    """The range that covers two ranges, of which one without a count covers nothing."""
    if not count_a or not count_b:
        return b if count_b else a
    return np.array([min(a[0], b[0]), max(a[1], b[1])])
