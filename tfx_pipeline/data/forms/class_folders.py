"""The form of a folder for each class under `train/` and `eval/`, as Keras' `image_dataset_from_directory` takes it."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import BATCH, Batch, Splits, by_split, reading, split_folders
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.forms.images import EXPECTED, decode, label_of
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "class folders of images"
_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_LARGEST_FILE: Final = 1 << 26  # bytes


class _ImageFile(NamedTuple):
    """In the order of the names and not of the classes, which keeps the order of a data set that was numbered."""

    order: list[str | int]
    label: int
    path: str


def names(folder: Folder) -> list[str]:
    """Lists the folders of splits, where at least one of them has folders."""
    found = split_folders(folder)
    return found if any(list_folder(folder.at(name)).folders for name in found) else []


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the images, a batch at a time."""
    return {split: _batches(folder.at(name)) for split, (name,) in by_split(folder, names, "folder").items()}


def _batches(path: str) -> Iterator[Batch]:
    files = sorted(_image_files(list_folder(path)))
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        labels = np.array([file.label for file in part], np.uint8)
        yield Batch(np.stack([_read(file.path) for file in part]), labels)


def _read(path: str) -> np.ndarray:
    with reading(path, EXPECTED) as file:
        return decode(file.read(_LARGEST_FILE), path)


def _image_files(split: Folder) -> Iterator[_ImageFile]:
    for name, label in _labels(split).items():
        folder = list_folder(split.at(name))
        for file in (*folder.folders, *folder.files):
            if file.startswith(".") or not file.lower().endswith(_SUFFIXES):
                raise IdxError(f"{shown(folder.at(file))}: lies among the images; expected PNG and JPEG files alone")
            order = [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file)]
            yield _ImageFile(order, label, folder.at(file))


def _labels(split: Folder) -> dict[str, int]:
    """Gives the label of each class folder; each class has exactly one."""
    classes = f"the classes of modules/dataset.py ({', '.join(DATASET.class_names)})"
    labels: dict[str, int] = {}
    for name in (*split.folders, *split.files):
        label = label_of(name)
        if label is None or name in split.files:
            raise IdxError(f"{shown(split.at(name))}: is no class; expected a folder for each of {classes}")
        labels[name] = label
    if sorted(labels.values()) != list(range(DATASET.num_classes)):
        raise IdxError(f"{shown(split.path)}: has folders {', '.join(labels)}; expected one for each of {classes}")
    return labels
