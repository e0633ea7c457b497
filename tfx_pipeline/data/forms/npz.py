"""The forms of NumPy's .npz: one file of arrays, as Keras and MedMNIST have it, and Kuzushiji-MNIST's four of one."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Final
from zipfile import ZipFile

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import BATCH, Batch, Splits, as_labels, by_split, reading
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.idx import size_text
from tfx_pipeline.data.origin import Run
from tfx_pipeline.data.stream import AGAIN, IdxError, shown

NAME: Final = ".npz files"
SOURCE: Final = "npz"
_EXPECTED: Final = "a .npz file (a ZIP archive)"
_LABELS_OF: Final = {"x": "y", "images": "labels", "imgs": "labels", "image": "label", "data": "labels"}
"""The words for images in an array's name, and the word for labels that goes with each."""

_IMAGES_OF: Final = {"y": "x", "labels": "images", "label": "image"}

_HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def names(folder: Folder) -> list[str]:
    """Lists the .npz files in a folder."""
    return [name for name in folder.files if name.lower().endswith(".npz")]


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the arrays, a batch at a time."""
    if len(names) == 1:
        return _of_one_file(folder.at(names[0]))
    files, words = by_split(folder, names, NAME, several=True)
    batches = {split: _batches(*((path, "arr_0") for path in _pair(folder, files[split]))) for split in files}
    return Splits(batches, words, Counter(folder.skipped))


def _of_one_file(path: str) -> Splits:
    """`x_train` and `y_train`, or `train_images` and `train_labels`, and the same for the other splits."""
    with reading(path, _EXPECTED) as file, ZipFile(file) as archive:
        keys = [name.removesuffix(".npy") for name in archive.namelist()]
    images = {key: _renamed(key, _LABELS_OF) for key in keys}
    labels = {key: _renamed(key, _IMAGES_OF) for key in keys}
    by_name = {key.lower(): key for key, of in labels.items() if of}
    pairs = {key: by_name[of] for key, of in images.items() if of in by_name}
    lacks = [of for key, of in images.items() if of and key not in pairs]
    lacks += [of for key, of in labels.items() if of and key not in pairs.values()]
    if lacks or not pairs:
        raise IdxError(
            f"{shown(path)}: holds {', '.join(keys) or 'nothing'}; expected the array {[*lacks, 'x_train'][0]}"
        )
    of_split, words = by_split(Folder(path, ()), list(pairs), "array of images")
    batches = {split: _batches((path, key), (path, pairs[key])) for split, (key,) in of_split.items()}
    return Splits(batches, words, Counter(key for key in keys if key not in (*pairs, *pairs.values())))


def _renamed(key: str, other: Mapping[str, str]) -> str | None:
    """The name of an array with the word for the other of images and labels; None where it has no such word."""
    parts = re.split(r"([a-z]+)", key.lower())
    return "".join(other.get(part, part) for part in parts) if set(parts) & other.keys() else None


def _pair(folder: Folder, names: list[str]) -> tuple[str, str]:
    labels = [name for name in names if "label" in name.lower()]
    if len(names) != 2 or len(labels) != 1:  # noqa: PLR2004
        raise IdxError(
            f"{shown(folder.path)}: has {', '.join(names)}; expected two, of which one has `labels` in its name"
        )
    names.remove(labels[0])
    return folder.at(names[0]), folder.at(labels[0])


def _batches(images: tuple[str, str], labels: tuple[str, str]) -> Iterator[Batch]:
    _check(images, labels)
    start = 0
    for pixels, classes in zip(_parts(*images), _parts(*labels), strict=True):
        yield Batch(pixels, as_labels(classes, labels[0]), [Run(" ".join(images), len(pixels), "index", start)])
        start += len(pixels)


def _check(images: tuple[str, str], labels: tuple[str, str]) -> None:
    with _opened(*images) as (_, shape, dtype):
        if shape[1:] != DATASET.image_shape or dtype != np.uint8:
            raise IdxError(
                f"{shown(images[0])}: {images[1]} holds {dtype} of {size_text(shape[1:])}, expected uint8 of "
                f"{size_text(DATASET.image_shape)}; convert them, or correct image_shape in modules/dataset.py"
            )
    with _opened(*labels) as (_, label_shape, _dtype):
        if label_shape not in ((shape[0],), (shape[0], 1)):
            raise IdxError(f"{shown(labels[0])}: {labels[1]} has the shape {label_shape}; expected ({shape[0]},)")


def _parts(path: str, key: str) -> Iterator[np.ndarray]:
    with _opened(path, key) as (member, shape, dtype):
        item = math.prod(shape[1:]) * dtype.itemsize
        for start in range(0, shape[0], BATCH):
            count = min(BATCH, shape[0] - start)
            data = member.read(count * item)
            if len(data) < count * item:
                raise IdxError(f"{shown(path)}: {key} ends before its {shape[0]:,} values; {AGAIN}")
            yield np.frombuffer(data, dtype).reshape(count, *shape[1:])
        if member.read(1):  # which also reaches the check sum
            raise IdxError(f"{shown(path)}: {key} has bytes after its {shape[0]:,} values; {AGAIN}")


@contextmanager
def _opened(path: str, key: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype]]:
    """Opens an array before its first value, with its shape and type; nothing is ever unpickled."""
    with reading(path, _EXPECTED) as file, ZipFile(file) as archive:
        if f"{key}.npy" not in archive.namelist():
            present = ", ".join(name.removesuffix(".npy") for name in archive.namelist())
            raise IdxError(f"{shown(path)}: holds {present or 'nothing'}; expected the array {key}")
        with archive.open(f"{key}.npy") as member:
            shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(member)](member)
            if dtype.hasobject:
                raise IdxError(f"{shown(path)}: {key} holds Python objects (a pickle); expected plain numbers")
            if fortran and len(shape) > 1:
                raise IdxError(f"{shown(path)}: {key} is in Fortran's order; save it with numpy.ascontiguousarray")
            yield member, shape, dtype
