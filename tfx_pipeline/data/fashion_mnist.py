"""What is Fashion-MNIST's alone: its files' digests, and where they are published."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from tfx_pipeline.data import debian, tfds
from tfx_pipeline.data.fetch import Fetch

NAME: Final = "fashion-mnist"

FETCHERS: Final[Mapping[str, Fetch]] = MappingProxyType(
    {
        "tfds": partial(tfds.fetch, builder="fashion_mnist"),
        "debian": partial(debian.fetch, package="dataset-fashion-mnist", folder="usr/share/datasets/fashion-mnist"),
    }
)
"""The sources that a network gives, the first to try first."""

# SHA-256 of the decompressed files. The .gz differ between publishers (other compression levels and time stamps), so
# only the content identifies the data set. Computed from Debian's dataset-fashion-mnist; TensorFlow Datasets'
# registered .gz checksums name the same content.
SHA256: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
)
