"""The four IDX files of a data set: their names, and one digest of them all."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from modules.dataset import DATASET


class SplitFiles(NamedTuple):
    """The two IDX files of one split, by their plain (decompressed) names."""

    images: str
    labels: str


# The digit in a name is the number of dimensions.
_IMAGES = f"images-idx{1 + len(DATASET.image_shape)}-ubyte"
_LABELS = "labels-idx1-ubyte"

SPLIT_FILES: Mapping[str, SplitFiles] = MappingProxyType(
    {
        "train": SplitFiles(f"train-{_IMAGES}", f"train-{_LABELS}"),
        "eval": SplitFiles(f"t10k-{_IMAGES}", f"t10k-{_LABELS}"),
    }
)

HELD_BACK_FILES: Final = SplitFiles(f"val-{_IMAGES}", f"val-{_LABELS}")
"""Of the split `val`, which some data sets have: held back for early stopping and tuning, neither fitted nor judged."""

HELD_BACK_SPLIT: Final = "val"
ALL_SPLIT_FILES: Final[Mapping[str, SplitFiles]] = MappingProxyType({**SPLIT_FILES, HELD_BACK_SPLIT: HELD_BACK_FILES})

FILE_NAMES: tuple[str, ...] = tuple(name for files in SPLIT_FILES.values() for name in files)


def dataset_digest(sha256: Mapping[str, str]) -> str:
    """Digests the files into one: SHA-256 of what `sha256sum` prints for them in the order of FILE_NAMES, `val` last.

    Anyone can check it: `sha256sum train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte
    t10k-labels-idx1-ubyte | sha256sum`.

    Args:
        sha256: Hexadecimal SHA-256 of each decompressed file, by its plain name.

    Returns:
        64 hexadecimal digits.
    """
    names = (*FILE_NAMES, *(name for name in HELD_BACK_FILES if name in sha256))
    lines = "".join(f"{sha256[name]}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()
