"""Makes a larger data set of the checkout's: ``python -m bench.growth_data FOLDER [--data-dir DIR] [--times N]``.

Writes four IDX files for ``local_runner.py --data-dir FOLDER``. Each copy of the images is rolled by another offset,
the nearest first, so that no image of one split stands in the other and the data gate's limits hold as they are: for
twenty copies, while for forty the images lie too far from where they are expected.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.data import idx
from tfx_pipeline.data.sources import SPLIT_FILES, VerifiedFiles, default_cache_dir, resolve


def offsets() -> list[tuple[int, int]]:
    """Every distinct offset of an image in rows and columns, the nearest first; (0, 0) leaves it as it is."""
    height, width = DATASET.image_shape[:2]
    grid = itertools.product(range(-(height // 2), height // 2), range(-(width // 2), width // 2))
    return sorted(grid, key=lambda offset: (math.hypot(*offset), offset))


def rolled_images(dataset: VerifiedFiles, split: str, times: int) -> Iterator[NDArray[np.uint8]]:
    """Yields a split's images so many times, uint8 [n, *image_shape], a batch at once."""
    path = f"{dataset.path}/{SPLIT_FILES[split].images}"
    for offset in offsets()[:times]:
        for start in range(0, dataset.counts[split], idx.BATCH_SIZE):
            yield np.roll(idx.read_images(path, start, idx.BATCH_SIZE), offset, axis=(1, 2))


def write_split(dataset: VerifiedFiles, split: str, times: int, folder: Path) -> None:
    """Writes the two files of a split.

    Args:
        dataset: The data to repeat.
        split: Its name.
        times: How often.
        folder: An existing folder.
    """
    files, total = SPLIT_FILES[split], dataset.counts[split] * times
    with (folder / files.images).open("wb") as file:
        file.write(idx.header_of((total, *DATASET.image_shape)))
        for images in rolled_images(dataset, split, times):
            file.write(images.tobytes())
    labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, dataset.counts[split])
    with (folder / files.labels).open("wb") as file:
        file.write(idx.header_of((total,)))
        for _ in range(times):
            file.write(labels.tobytes())


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth_data", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the four files go; made where it is absent")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of IDX files; else the published data")
    parser.add_argument("--times", type=int, default=10, help="copies of the data (default: 10)")
    arguments = parser.parse_args()
    if not 1 <= arguments.times <= len(offsets()):
        parser.error(f"--times {arguments.times}: expected 1 to {len(offsets())}, the number of distinct offsets")
    dataset = resolve("auto", arguments.data_dir, default_cache_dir(), lambda line: sys.stderr.write(f"{line}\n"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for split in SPLIT_FILES:
        write_split(dataset, split, arguments.times, arguments.folder)


if __name__ == "__main__":
    main()
