"""A folder for each class, of PNG or JPEG images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.dataset import DATASET
from tests.conftest import Split
from tests.data.forms.conftest import Sample
from tfx_pipeline.data import idx, sources

FOLDERS = [name.replace("/", "_") for name in DATASET.class_names]


def write(split: Split, folder: Path, suffix: str = ".png", digits: int = 5) -> None:
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        Image.fromarray(image).save(folder / FOLDERS[label] / f"{number:0{digits}}{suffix}")


@pytest.fixture
def tree(sample: Sample, tmp_path: Path) -> Path:
    write(sample["train"], tmp_path / "tree/train")
    write(sample["eval"], tmp_path / "tree/test")
    return tmp_path / "tree"


def test_numbered_images_are_the_same_data(tree: Path, resolved: Callable[[Path], str]) -> None:
    assert resolved(tree).startswith(f"data: class folders of images in {tree} (custom data), 200 train + 50 eval")
    (tree / "test").rename(tree / "eval")
    resolved(tree)


def test_numbers_without_leading_zeros_and_class_names_in_other_letters_are_the_same_data(
    sample: Sample, tmp_path: Path, resolved: Callable[[Path], str]
) -> None:
    for split, name in {"train": "Train", "eval": "VAL"}.items():
        write(sample[split], tmp_path / "tree" / name, ".PNG", digits=1)
        (tmp_path / "tree" / name / "Ankle boot").rename(tmp_path / "tree" / name / "ankle_boot")
    resolved(tmp_path / "tree")


def every_image(tree: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    for path in tree.rglob("*.png"):
        change(Image.open(path)).save(path)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "LA"])
def test_grey_in_equal_colours_is_the_same_data(tree: Path, resolved: Callable[[Path], str], mode: str) -> None:
    every_image(tree, lambda image: image.convert(mode))
    resolved(tree)


def test_jpeg_images_are_read_as_they_decode(sample: Sample, tmp_path: Path) -> None:
    write(sample["train"], tmp_path / "tree/train", ".jpg")
    write(sample["eval"], tmp_path / "tree/test", ".jpeg")
    resolved = sources.resolve("auto", str(tmp_path / "tree"), tmp_path / "cache", print)
    images = idx.read_images(f"{resolved.path}/train-images-idx3-ubyte", 0, 200)
    label = sample["train"].labels[7]
    np.testing.assert_array_equal(
        images[7], np.asarray(Image.open(tmp_path / "tree/train" / FOLDERS[label] / "00007.jpg"))
    )
    assert np.abs(images.astype(int) - sample["train"].images).mean() < 5
    labels = idx.read_labels(f"{resolved.path}/train-labels-idx1-ubyte", 0, 200)
    np.testing.assert_array_equal(labels, sample["train"].labels)


def image_of(tree: Path) -> Path:
    return tree / "train/Ankle boot/00000.png"


def resize(tree: Path) -> None:
    Image.open(image_of(tree)).resize((27, 28)).save(image_of(tree))


def colour(tree: Path) -> None:
    image = Image.open(image_of(tree)).convert("RGB")
    image.putpixel((3, 3), (1, 2, 3))
    image.save(image_of(tree))


def transparent(tree: Path) -> None:
    image = Image.open(image_of(tree)).convert("LA")
    image.putpixel((3, 3), (7, 254))
    image.save(image_of(tree))


def sixteen_bits(tree: Path) -> None:
    Image.fromarray(np.full((28, 28), 1000, np.uint16)).save(image_of(tree))


def flip_a_bit(tree: Path) -> None:
    content = bytearray(image_of(tree).read_bytes())
    content[len(content) // 2] ^= 4
    image_of(tree).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "file", "expected"),
    [
        (resize, "train/Ankle boot/00000.png", "is of 28x27 pixels; expected 28x28"),
        (colour, "train/Ankle boot/00000.png", "is a colour image; expected a grey one"),
        (transparent, "train/Ankle boot/00000.png", "has transparent pixels; expected opaque ones"),
        (sixteen_bits, "train/Ankle boot/00000.png", "has 16 bits a channel; expected 8"),
        (flip_a_bit, "train/Ankle boot/00000.png", "cannot be read ("),
        (
            lambda tree: image_of(tree).write_bytes(image_of(tree).read_bytes()[:-40]),
            "train/Ankle boot/00000.png",
            "cannot be read (",
        ),
        (
            lambda tree: image_of(tree).write_bytes(b"GIF89a" + bytes(60)),
            "train/Ankle boot/00000.png",
            "the file is a GIF image; expected a PNG image or a JPEG image",
        ),
        (
            lambda tree: (tree / "train/Coat/.DS_Store").touch(),
            "train/Coat/.DS_Store",
            "lies among the images; expected PNG and JPEG files alone",
        ),
        (lambda tree: (tree / "train/Coat/._0.png").touch(), "train/Coat/._0.png", "lies among the images"),
        (lambda tree: (tree / "test/Bag/notes.txt").touch(), "test/Bag/notes.txt", "lies among the images"),
        (lambda tree: (tree / "test/Bag/more").mkdir(), "test/Bag/more", "lies among the images"),
        (lambda tree: (tree / "train/labels.csv").touch(), "train/labels.csv", "is no class; expected a folder for"),
        (lambda tree: (tree / "train/Bag").rename(tree / "train/Hat"), "train/Hat", "is no class; expected a folder"),
        (lambda tree: (tree / "train/T-shirt top").mkdir(), "train", "expected one for each of the classes of modules"),
    ],
)
def test_what_does_not_belong_is_refused_naming_it(
    tree: Path, refusal: Callable[[Path], str], spoil: Callable[[Path], object], file: str, expected: str
) -> None:
    spoil(tree)
    line = refusal(tree)
    assert line.startswith(f"{tree / file}: ")
    assert expected in line


def test_a_missing_class_is_refused_naming_those_that_are_there(tree: Path, refusal: Callable[[Path], str]) -> None:
    for path in (tree / "test/Bag").iterdir():
        path.unlink()
    (tree / "test/Bag").rmdir()
    line = refusal(tree)
    assert line.startswith(f"{tree}/test: has folders Ankle boot, Coat, Dress, ")
    assert "expected one for each of the classes of modules/dataset.py (T-shirt/top, Trouser" in line


def test_a_missing_split_and_a_third_are_refused(tree: Path, refusal: Callable[[Path], str]) -> None:
    (tree / "validation").mkdir()
    assert (
        f"{tree}: has test, validation for the split eval; expected one name with one of the words eval, test,"
        in refusal(tree)
    )
    (tree / "validation").rmdir()
    (tree / "test").rename(tree / "holdout")
    assert f"{tree}: has no folder for the split eval; expected one name with one of the words eval, test," in refusal(
        tree
    )
