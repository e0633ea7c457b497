"""What describes a data set of images, and the names of its features: what every part of the pipeline agrees on."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Final

IMAGE_KEY: Final = "image"
"""Raw feature: the image's bytes, uint8, row by row; a colour image's channels are interleaved."""

LABEL_KEY: Final = "label"
"""Raw feature: the class as an int64 from 0."""

PIXELS_KEY: Final = "pixels"
"""Transformed feature: the image as float32 of its shape, values from 0 to 1."""


def _is_line(text: str) -> bool:
    return text.isprintable() and bool(text.strip())


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageDataset:
    """A data set of labelled images; everything that depends on the data follows from this.

    Attributes:
        name: Lower-case letters, digits and hyphens, 50 at most. The pipeline, its package and image, and the default
            serving directory on Kubeflow are named after it, so two data sets have two names.
        title: The name for people, in reports and in the model card.
        image_shape: (height, width) of grey images, (height, width, 3) of colour images, in pixels.
        class_names: The class of each label, from label 0.
        intended_use: What a model of it is for, and what it is not for; a paragraph of the model card.
        licence: The licence of the data, for the model card.
        tfds: Its name in TensorFlow Datasets, where its builder registers the four IDX files.
        debian: The Debian package that has them.
        sha256: SHA-256 of each decompressed file by its plain name, which whoever publishes it must meet.
        mirrored_alike: Whether an image and its mirror image have one class, as with clothes and not with digits or
            letters; a model may then train on both.

    Raises:
        ValueError: A value is not what it should be.
    """

    name: str
    title: str
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    intended_use: str
    licence: str
    tfds: str | None = None
    debian: str | None = None
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    mirrored_alike: bool = False

    def __post_init__(self) -> None:
        # Kubernetes takes 63 characters for a label and for a service, and others append to it.
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", self.name):
            raise ValueError(f"name {self.name!r}: expected lower-case letters, digits and hyphens, 50 at most")
        shape = self.image_shape
        sizes = isinstance(shape, tuple) and all(type(size) is int and size > 0 for size in shape)
        if not sizes or len(shape) < 2 or shape[2:] not in ((), (3,)):  # noqa: PLR2004
            raise ValueError(f"image_shape {shape!r}: expected (height, width) or (height, width, 3)")
        names = self.class_names
        texts = isinstance(names, tuple | list) and all(isinstance(name, str) and _is_line(name) for name in names)
        if not texts or len(set(names)) != len(names) or not 2 <= len(names) <= 256:  # noqa: PLR2004
            raise ValueError(f"class_names {names!r}: expected 2 to 256 names, all different")
        if not isinstance(self.title, str) or not _is_line(self.title):
            raise ValueError(f"title {self.title!r}: expected a line of text")
        for source in ("tfds", "debian"):
            if (name := getattr(self, source)) is not None and not (isinstance(name, str) and _is_line(name)):
                raise ValueError(f"{source} {name!r}: expected a name, or None")
        prose = {name: getattr(self, name) for name in ("intended_use", "licence")}
        if wrong := [name for name, text in prose.items() if not isinstance(text, str)]:
            raise ValueError(f"{wrong[0]} {prose[wrong[0]]!r}: expected text")
        if self.mirrored_alike not in (True, False):
            raise ValueError(f"mirrored_alike {self.mirrored_alike!r}: expected True or False")

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour images."""
        return self.image_shape[2] if len(self.image_shape) > 2 else 1  # noqa: PLR2004

    @property
    def image_bytes(self) -> int:
        """Bytes of an image, one for each value."""
        return math.prod(self.image_shape)
