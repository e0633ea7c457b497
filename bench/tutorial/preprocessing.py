"""The tutorial's first step: ``python -m bench.tutorial.preprocessing IDX_DIR DATA_DIR``.

Reads the images, divides them by 255, and writes four pickles of float64, 419 MB.
"""

import gzip
import pickle
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf  # noqa: F401 - the tutorial's script loads the data through it, and so pays for its import

FILES = {
    "train_images": ("train-images-idx3-ubyte", 16),
    "train_labels": ("train-labels-idx1-ubyte", 8),
    "test_images": ("t10k-images-idx3-ubyte", 16),
    "test_labels": ("t10k-labels-idx1-ubyte", 8),
}
"""File and length of its header, by the name of the array."""


def main(idx_dir: Path, data_dir: Path) -> None:
    """Converts the gzipped IDX files of a folder to pickles in another."""
    for name, (file, header) in FILES.items():
        with gzip.open(idx_dir / f"{file}.gz") as content:
            values = np.frombuffer(content.read(), np.uint8, offset=header)
        array = values.reshape(-1, 28, 28) / 255.0 if name.endswith("images") else values
        with (data_dir / f"{name}.pickle").open("wb") as pickled:
            pickle.dump(array, pickled)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
