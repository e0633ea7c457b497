"""The form of a folder for each class under `train/` and `eval/`, as Keras' `image_dataset_from_directory` takes it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import Batch, Splits, by_split, read_all, reading, split_folders
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.forms.images import EXPECTED, decode, label_of
from tfx_pipeline.data.origin import Run
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "class folders of images"
SOURCE: Final = "class_folders"
_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_LARGEST_FILE: Final = 1 << 26  # bytes
_LAYOUT: Final = (
    f"expected train/ and test/ with a folder for each class in both, such as train/{DATASET.class_names[0]}"
)
_MOST_NAMES: Final = 3  # in a message


class _ImageFile(NamedTuple):
    """In the order of the names and not of the classes, which keeps the order of a data set that was numbered."""

    order: list[str | int]
    label: int
    path: str


def names(folder: Folder) -> list[str]:
    """Lists the folders of splits, where at least one of them has folders."""
    present = split_folders(folder)
    return present if any(list_folder(folder.at(name)).folders for name in present) else []


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the images, a batch at a time."""
    folders, words = by_split(folder, names, "folder")
    skipped = Counter(folder.skipped)
    return Splits({split: _batches(folder.at(name), skipped) for split, (name,) in folders.items()}, words, skipped)


def _batches(path: str, skipped: Counter[str]) -> Iterator[Batch]:
    files = sorted(_image_files(list_folder(path), skipped))
    yield from read_all(files, _read, lambda file: Run(file.path))


def _read(image: _ImageFile) -> tuple[np.ndarray, int]:
    with reading(image.path, EXPECTED) as file:
        return decode(file.read(_LARGEST_FILE), image.path), image.label


def _image_files(split: Folder, skipped: Counter[str]) -> list[_ImageFile]:
    skipped.update(split.skipped)
    images, strays = [], []
    for name, label in _labels(split).items():
        folder = list_folder(split.at(name))
        skipped.update(folder.skipped)
        strays += [folder.at(file) for file in (*folder.folders, *folder.files) if not _is_image(file, folder)]
        images += [_ImageFile(_in_order(file), label, folder.at(file)) for file in folder.files]
    if strays:
        more = f" (and {len(strays) - 1:,} more)" if strays[1:] else ""
        raise IdxError(f"{shown(strays[0])}: lies among the images{more}; expected PNG and JPEG files alone")
    return images


def _is_image(name: str, folder: Folder) -> bool:
    return name in folder.files and not name.startswith(".") and name.lower().endswith(_SUFFIXES)


def _in_order(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _labels(split: Folder) -> dict[str, int]:
    """Gives the label of each class folder; each class has exactly one."""
    classes = f"the classes of modules/dataset.py ({', '.join(DATASET.class_names)})"
    labels: dict[str, int] = {}
    for name in (*split.folders, *split.files):
        label = label_of(name)
        if label is None or name in split.files:
            deeper = name in split.folders and _class_folders(list_folder(split.at(name)))
            level = f" and holds those of classes ({_listed(deeper)}), one level too deep" if deeper else ""
            raise IdxError(f"{shown(split.at(name))}: is no class{level}; expected a folder for each of {classes}")
        labels[name] = label
    lacks = [name for label, name in enumerate(DATASET.class_names) if label not in labels.values()]
    if lacks:
        raise IdxError(
            f"{shown(split.path)}: has folders {', '.join(labels)}, and none of {', '.join(lacks)}; expected one for "
            f"each of {classes}: give it images, or take it out of class_names there if the data has no such images"
        )
    if len(labels) != DATASET.num_classes:
        raise IdxError(f"{shown(split.path)}: has folders {', '.join(labels)}; expected one for each of {classes}")
    return labels


def misplaced(folder: Folder) -> str | None:
    """Says of a folder that is not this form what there is of it, and what is expected."""
    classes = _class_folders(folder)
    of_splits = [name for name in split_folders(folder) if _images(list_folder(folder.at(name)))]
    if of_splits:
        count = len(_images(list_folder(folder.at(of_splits[0]))))
        what = f"has {count:,} images directly in {of_splits[0]}/, and no folders of classes"
    elif classes and split_folders(list_folder(folder.at(classes[0]))):
        what = f"has the splits below the classes ({_listed(classes)}), and not the classes below the splits"
    elif classes and folder.path.rstrip("/").rpartition("/")[2].lower() in ("train", "test"):
        what = f"is one split of class folders ({_listed(classes)}); name the folder above it"
    elif classes or (classes := [name for name in folder.folders if _images(list_folder(folder.at(name)))]):
        no_classes = "" if label_of(classes[0]) is not None else ", which are no classes of modules/dataset.py,"
        what = f"has folders of images ({_listed(classes)}){no_classes} and no folders of splits above them"
    elif images := _images(folder):
        what = f"has {len(images):,} images, and no folders of splits and classes above them"
    else:
        return None
    return f"{shown(folder.path)}: {what}; {_LAYOUT}"


def _class_folders(folder: Folder) -> list[str]:
    return [name for name in folder.folders if label_of(name) is not None]


def _images(folder: Folder) -> list[str]:
    return [name for name in folder.files if _is_image(name, folder)]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if names[_MOST_NAMES:] else "")
