"""What describes a data set is checked where it is written."""

import re
from typing import Any

import pytest

from modules.dataset import DATASET
from modules.features import ImageDataset

VALUES: dict[str, Any] = {
    "name": "digits", "title": "Digits", "image_shape": (8, 8), "class_names": ("0", "1"),
    "intended_use": "", "licence": "",
}  # fmt: skip


@pytest.mark.parametrize(("shape", "channels", "size"), [((8, 6), 1, 48), ((8, 6, 3), 3, 144), ((1, 1), 1, 1)])
def test_sizes_follow_from_the_shape(shape: tuple[int, ...], channels: int, size: int) -> None:
    dataset = ImageDataset(**VALUES | {"image_shape": shape})
    assert (dataset.channels, dataset.image_bytes, dataset.num_classes) == (channels, size, 2)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "My digits"}, "name 'My digits': expected lower-case letters, digits and hyphens, 50 at most"),
        ({"name": "a" * 51}, "50 at most"),
        ({"name": ""}, "name '': expected"),
        ({"name": "digits\n"}, "name 'digits\\n': expected"),
        ({"name": 5}, "name 5: expected"),
        ({"title": ""}, "title '': expected a line of text"),
        ({"title": "Two\nlines"}, "title 'Two\\nlines': expected a line of text"),
        ({"licence": None}, "licence None: expected text"),
        ({"mirrored_alike": "no"}, "mirrored_alike 'no': expected True or False"),
        ({"name": "digits-"}, "name 'digits-'"),
        ({"image_shape": (8,)}, "image_shape (8,): expected (height, width) or (height, width, 3)"),
        ({"image_shape": (8, 8, 4)}, "image_shape (8, 8, 4): expected"),
        ({"image_shape": (8, 8, 1)}, "image_shape (8, 8, 1): expected"),
        ({"image_shape": [8, 8]}, "image_shape [8, 8]: expected"),
        ({"image_shape": (0, 8)}, "image_shape (0, 8): expected"),
        ({"image_shape": (0, 0, 1)}, "image_shape (0, 0, 1): expected"),
        ({"image_shape": ("8", "8")}, "image_shape ('8', '8'): expected"),
        ({"image_shape": (8.0, 8.0)}, "image_shape (8.0, 8.0): expected"),
        ({"image_shape": "88"}, "image_shape '88': expected"),
        ({"image_shape": 64}, "image_shape 64: expected"),
        ({"class_names": ("one",)}, "class_names ('one',): expected 2 to 256 names, all different"),
        ({"class_names": "abc"}, "class_names 'abc': expected 2 to 256 names"),
        ({"class_names": (0, 1)}, "class_names (0, 1): expected 2 to 256 names"),
        ({"class_names": ("a", " ")}, "class_names ('a', ' '): expected 2 to 256 names"),
        ({"class_names": ("a", "b\nc")}, "expected 2 to 256 names"),
        ({"class_names": None}, "class_names None: expected 2 to 256 names"),
        ({"class_names": ("one", "one")}, "all different"),
        ({"class_names": tuple(map(str, range(257)))}, "expected 2 to 256"),
    ],
)
def test_a_value_that_cannot_be_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        ImageDataset(**VALUES | change)


def test_the_checkout_is_fashion_mnist() -> None:
    assert (DATASET.name, DATASET.image_shape, DATASET.num_classes) == ("fashion-mnist", (28, 28), 10)
