"""Names, shapes and classes of the data: the one place that Transform, the trainer and the evaluation agree on."""

from typing import Final

IMAGE_KEY: Final = "image"
"""Raw feature: the image's 784 bytes, row by row, uint8."""

LABEL_KEY: Final = "label"
"""Raw feature: the class as an int64 from 0 to 9."""

PIXELS_KEY: Final = "pixels"
"""Transformed feature: float32 of shape [28, 28], values from 0 to 1."""

IMAGE_SHAPE: Final = (28, 28)
"""Height and width of an image, in pixels."""

CLASS_NAMES: Final = (
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
)
"""The class of each label, in the order of the data set's own README (github.com/zalandoresearch/fashion-mnist)."""

NUM_CLASSES: Final = len(CLASS_NAMES)
