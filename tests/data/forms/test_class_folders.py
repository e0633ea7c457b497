"""A folder for each class, of PNG or JPEG images."""

import re
import shutil
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


def test_folders_that_carry_the_labels_are_the_same_data(tree: Path, resolved: Callable[[Path], str]) -> None:
    for split in ("train", "test"):
        for label, name in enumerate(FOLDERS):
            (tree / split / name).rename(tree / split / str(label))
        (tree / split).rename(tree / f"{split}ing")
    resolved(tree)


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
    assert ", and none of Bag; expected one for each of the classes of modules/dataset.py (T-shirt/top, Trouser" in line
    assert line.endswith("give it images, or take it out of class_names there if the data has no such images")


def test_a_missing_split_is_refused(tree: Path, refusal: Callable[[Path], str]) -> None:
    (tree / "test").rename(tree / "holdout")
    expected = f"{tree}: has no folder for the split eval; expected one name with one of the words test, testing, eval,"
    assert expected in refusal(tree)


def test_two_folders_of_one_split_and_four_splits_are_refused(tree: Path, refusal: Callable[[Path], str]) -> None:
    (tree / "testing").mkdir()
    assert "has test, testing for the split eval; expected one name with one of the words test, testing" in refusal(
        tree
    )
    (tree / "testing").rename(tree / "eval")
    (tree / "val").mkdir()
    assert refusal(tree).startswith(f"{tree}/val: is of none of the splits train, test, eval by its name")


def test_what_programs_leave_behind_is_passed_over_and_counted(tree: Path, tmp_path: Path) -> None:
    for place in (".DS_Store", "train/.DS_Store", "train/Coat/.DS_Store", "test/Bag/Thumbs.db"):
        (tree / place).write_bytes(b"\0\0\0\1Bud1")
    (tree / "test/Bag/.ipynb_checkpoints").mkdir()
    (tree / "unlabelled").mkdir()
    lines: list[str] = []
    assert sources.resolve("auto", str(tree), tmp_path / "cache", lines.append).counts == {"train": 200, "eval": 50}
    assert lines[1:] == [
        "data: not read: unlabelled/, .DS_Store (3 times), .ipynb_checkpoints, Thumbs.db",
    ]


def test_a_refusal_counts_the_others(tree: Path, refusal: Callable[[Path], str]) -> None:
    every_image(tree / "train/Bag", lambda image: image.resize((30, 30)))
    line = refusal(tree)
    assert re.match(rf"{tree}/train/Bag/000\d\d.png: is of 30x30 pixels; expected 28x28 \(and (\d+) more\)$", line)
    assert int(line.split("and ")[-1].split()[0]) == len(list((tree / "train/Bag").iterdir())) - 1
    for name in ("a.txt", "b.txt", "c.txt"):
        (tree / "train/Coat" / name).touch()
    assert refusal(tree).startswith(f"{tree}/train/Coat/a.txt: lies among the images (and 2 more); expected PNG and")


def moved(tree: Path, source: str, target: str) -> None:
    (tree / target).parent.mkdir(parents=True, exist_ok=True)
    (tree / source).rename(tree / target)


def flattened(tree: Path) -> None:
    for split in ("train", "test"):
        for path in list((tree / split).rglob("*.png")):
            path.rename(tree / split / f"{path.parent.name} {path.name}")
        for folder in list((tree / split).iterdir()):
            if folder.is_dir():
                folder.rmdir()


def turned_over(tree: Path) -> None:
    for split in ("train", "test"):
        for folder in list((tree / split).iterdir()):
            moved(tree, f"{split}/{folder.name}", f"{folder.name}/{split}")
        (tree / split).rmdir()


def deeper(tree: Path) -> None:
    moved(tree, "train", "inner")
    moved(tree, "inner", "train/images")


@pytest.mark.parametrize(
    ("change", "named", "at", "expected"),
    [
        (
            lambda tree: (moved(tree, "train", "x"), shutil.rmtree(tree / "test")),
            "x",
            "x",
            "no folders of splits above",
        ),
        (
            lambda _: None,
            "train",
            "train",
            "is one split of class folders (Ankle boot, Bag, Coat, ...); name the folder",
        ),
        (lambda _: None, "train/Coat", "train/Coat", "images, and no folders of splits and classes above them"),
        (flattened, ".", "", "has 50 images directly in test/, and no folders of classes"),
        (
            turned_over,
            ".",
            "",
            "has the splits below the classes (Ankle boot, Bag, Coat, ...), and not the classes below",
        ),
        (deeper, ".", "train/images", "is no class and holds those of classes (Ankle boot, Bag, Coat, ...), one level"),
        (
            lambda tree: (
                moved(tree, "train/Coat", "sets/Hat"),
                shutil.rmtree(tree / "train"),
                shutil.rmtree(tree / "test"),
            ),
            "sets",
            "sets",
            "has folders of images (Hat), which are no classes of modules/dataset.py, and no folders of splits",
        ),
    ],
)
def test_folders_at_another_level_are_said_to_be_there(
    tree: Path, refusal: Callable[[Path], str], change: Callable[[Path], object], named: str, at: str, expected: str
) -> None:
    change(tree)
    line = refusal(tree / named)
    assert line.startswith(f"{tree / at}: ")
    assert expected in line
    assert "idx" not in line
