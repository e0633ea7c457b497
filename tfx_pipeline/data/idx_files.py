"""The names, shapes and known digests of Fashion-MNIST's four IDX files."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class SplitFiles(NamedTuple):
    """The two IDX files of one split, by their plain (decompressed) names."""

    images: str
    labels: str


SPLIT_FILES: Mapping[str, SplitFiles] = MappingProxyType(
    {
        "train": SplitFiles("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        "eval": SplitFiles("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    }
)

FILE_NAMES: tuple[str, ...] = tuple(name for files in SPLIT_FILES.values() for name in files)

# SHA-256 of the decompressed files. The .gz differ between publishers (other compression levels and time stamps), so
# only the content identifies the data set. Computed from Debian's dataset-fashion-mnist; TensorFlow Datasets'
# registered .gz checksums name the same content.
FASHION_MNIST_SHA256: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
)


def dataset_digest(sha256: Mapping[str, str]) -> str:
    """Digests four files into one: SHA-256 of what `sha256sum` prints for them in the order of FILE_NAMES.

    Anyone can check it: `sha256sum train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte
    t10k-labels-idx1-ubyte | sha256sum`.

    Args:
        sha256: Hexadecimal SHA-256 of each decompressed file, by its plain name.

    Returns:
        64 hexadecimal digits.
    """
    lines = "".join(f"{sha256[name]}  {name}\n" for name in FILE_NAMES)
    return hashlib.sha256(lines.encode()).hexdigest()
