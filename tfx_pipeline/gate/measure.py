"""Measures what to expect of other data: ``python -m tfx_pipeline.gate.measure --data-dir FOLDER``."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.config.limits import COARSE_SHAPE
from tfx_pipeline.data import idx, sources
from tfx_pipeline.gate.likeness import UNLIKE, Likeness, coarse_means, leads
from tfx_pipeline.gate.profile import IMAGE_BYTES, MEASURES, NUM_CLASSES, SplitProfile
from tfx_pipeline.process.errors import UserError

SPLIT = "train"


Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images, uint8 [n, bytes], and their labels, int64 [n]."""


def batches(dataset: sources.VerifiedFiles) -> Iterator[Batch]:
    """Reads the training images of a data set, whose files are IDX."""
    files = sources.SPLIT_FILES[SPLIT]
    for start in range(0, dataset.counts[SPLIT], idx.BATCH_SIZE):
        images = idx.read_images(f"{dataset.path}/{files.images}", start, idx.BATCH_SIZE)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", start, idx.BATCH_SIZE).astype(np.int64)
        yield images.reshape(-1, IMAGE_BYTES), labels


def measured(read: Callable[[], Iterable[Batch]]) -> dict[str, list[float]]:
    """Measures images that were looked at and found good.

    Args:
        read: Reads them from the beginning; called twice, as what is like a class follows from what it looks like.

    Returns:
        The settings of ``Limits`` that hold something for each class.

    Raises:
        UserError: A class has no images.
    """
    profile = SplitProfile()
    for images, labels in read():
        profile.add_labels(labels)
        profile.add_images(images, labels)
    found = _expectations(profile)
    return found | {"likeness_margin": _likeness_margin(read(), found)}


def _expectations(profile: SplitProfile) -> dict[str, list[float]]:
    counts = profile.images[:NUM_CLASSES]
    if not counts.all():
        missing = int(np.argmin(counts))
        raise UserError(
            f"class {missing} ({DATASET.class_names[missing]}) has no training images, expected some; add them"
        )
    means = profile.sums[:NUM_CLASSES] / counts[:, None]
    spreads = np.sqrt(np.maximum(profile.squares[:NUM_CLASSES] / counts[:, None] - means**2, 0))
    found = {"expected_share": _rounded(profile.labels / profile.labels.sum(), 4)}
    for index, name in enumerate(MEASURES):
        found[f"expected_{name}"] = _rounded(means[:, index], 2)
        found[f"{name}_spread"] = _rounded(spreads[:, index], 2)
    found["expected_image"] = _rounded(coarse_means(profile.pixel_sums / counts[:, None]).ravel(), 1)
    return found


def _likeness_margin(batches: Iterable[Batch], found: Mapping[str, list[float]]) -> list[float]:
    """How much liker another class ``UNLIKE`` of the images of each class are, in grey levels."""
    likeness = Likeness.to_images(found["expected_image"], [])
    margins: list[list[NDArray[np.float64]]] = [[] for _ in range(NUM_CLASSES)]
    for images, labels in batches:
        margin = -leads(likeness.to_classes(images), labels).min(axis=1)
        for label in np.unique(labels):
            margins[label].append(margin[labels == label])
    return _rounded(np.array([np.quantile(np.concatenate(m), 1 - UNLIKE, method="higher") for m in margins]), 2)


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def as_toml(settings: Mapping[str, list[float]]) -> Iterator[str]:
    """Writes settings as lines of the section ``[data_gate]``."""
    yield "[data_gate]"
    for name, values in settings.items():
        if name == "expected_image":
            yield from (f"{name} = [", *_pictures(values), "]")
        else:
            yield f"{name} = {values}"


def _pictures(values: list[float]) -> Iterator[str]:
    """Writes coarse images as one sees them: a line a row, a block a class."""
    _, columns, channels = COARSE_SHAPE
    for label, rows in enumerate(np.array(values).reshape(NUM_CLASSES, -1, columns * channels)):
        yield f"  # {label}: {DATASET.class_names[label]}"
        yield from ("  " + " ".join(f"{value:5.1f}," for value in row) for row in rows)


def main() -> int:
    """Measures a data set and prints the settings; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.gate.measure", description=__doc__)
    parser.add_argument("--data-dir", metavar="DIR", required=True, help="folder of IDX files, plain or .gz")
    arguments = parser.parse_args()
    try:
        dataset = sources.resolve("idx", arguments.data_dir, sources.default_cache_dir(), _say)
        settings = measured(lambda: batches(dataset))
    except UserError as error:
        _say(f"error: {error}")
        return 2
    sys.stdout.write("\n".join(as_toml(settings)) + "\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
