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
    licence="MIT, copyright 2017 Zalando SE (github.com/zalandoresearch/fashion-mnist)",
)
