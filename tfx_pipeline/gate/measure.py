"""Measures what to expect of other data: ``python -m tfx_pipeline.gate.measure --data-dir FOLDER``."""

import argparse
import sys
from collections.abc import Iterator, Mapping

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data import idx, sources
from tfx_pipeline.gate.profile import IMAGE_BYTES, MEASURES, NUM_CLASSES, SplitProfile
from tfx_pipeline.process.errors import UserError

SPLIT = "train"


def profile_dataset(dataset: sources.VerifiedFiles) -> SplitProfile:
    """Profiles the training images of a data set.

    Args:
        dataset: Where the IDX files are.

    Returns:
        What they hold.
    """
    files = sources.SPLIT_FILES[SPLIT]
    profile = SplitProfile()
    for start in range(0, dataset.counts[SPLIT], idx.BATCH_SIZE):
        images = idx.read_images(f"{dataset.path}/{files.images}", start, idx.BATCH_SIZE)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", start, idx.BATCH_SIZE).astype(np.int64)
        profile.add_labels(labels)
        profile.add_images(images.reshape(-1, IMAGE_BYTES), labels)
    return profile


def expectations(profile: SplitProfile) -> dict[str, list[float]]:
    """Derives what to expect of data like this.

    Args:
        profile: Of a split that was looked at and found good.

    Returns:
        The settings of ``Limits`` that hold one value a class.

    Raises:
        UserError: A class has no images.
    """
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
    return found


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def as_toml(settings: Mapping[str, list[float]]) -> Iterator[str]:
    """Writes settings as lines of the section ``[data_gate]``."""
    yield "[data_gate]"
    for name, values in settings.items():
        yield f"{name} = {values}"


def main() -> int:
    """Measures a data set and prints the settings; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.gate.measure", description=__doc__)
    parser.add_argument("--data-dir", metavar="DIR", required=True, help="folder of IDX files, plain or .gz")
    arguments = parser.parse_args()
    try:
        dataset = sources.resolve("idx", arguments.data_dir, sources.default_cache_dir(), _say)
        settings = expectations(profile_dataset(dataset))
    except UserError as error:
        _say(f"error: {error}")
        return 2
    sys.stdout.write("\n".join(as_toml(settings)) + "\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
