"""The data set: the one file to change for a data set of your own (docs/bring-your-own.md)."""

from typing import Final

from modules.features import ImageDataset

DATASET: Final = ImageDataset(
    name="fashion-mnist",
    title="Fashion-MNIST",
    image_shape=(28, 28),
    # In the order of the data set's own README (github.com/zalandoresearch/fashion-mnist).
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    intended_use="Classifies greyscale images of single articles of clothing, 28 x 28 pixels, white on black, into ten "
    "classes. It is meant for learning, for benchmarks and for trying out a pipeline. It is not meant for photographs, "
    "for other articles, or for decisions about people.",
    mirrored_alike=True,
    licence="MIT, copyright 2017 Zalando SE (github.com/zalandoresearch/fashion-mnist)",
    # Optional, for data that is published: without them, --data-dir says where the files are.
    tfds="fashion_mnist",
    debian="dataset-fashion-mnist",
    # Of the decompressed files: the .gz differ between publishers (other compression levels and time stamps). Computed
    # from Debian's package; TensorFlow Datasets' registered .gz check sums name the same content.
    sha256={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)
