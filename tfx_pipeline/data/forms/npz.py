"""The forms of NumPy's .npz: Keras' one file of four arrays, and Kuzushiji-MNIST's four files of one."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final
from zipfile import ZipFile

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import BATCH, Batch, Splits, as_labels, by_split, reading
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.idx import size_text
from tfx_pipeline.data.stream import AGAIN, IdxError, shown

NAME: Final = ".npz files"
_KERAS: Final = {"train": ("x_train", "y_train"), "eval": ("x_test", "y_test")}
_HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def names(folder: Folder) -> list[str]:
    """Lists the .npz files in a folder."""
    return [name for name in folder.files if name.lower().endswith(".npz")]


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the arrays, a batch at a time."""
    if len(names) == 1:
        path = folder.at(names[0])
        return {split: _batches((path, images), (path, labels)) for split, (images, labels) in _KERAS.items()}
    files = by_split(folder, names, NAME, several=True)
    return {split: _batches(*((path, "arr_0") for path in _pair(folder, files[split]))) for split in files}


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
    for pixels, classes in zip(_parts(*images), _parts(*labels), strict=True):
        yield Batch(pixels, as_labels(classes, labels[0]))


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
    with reading(path, "a .npz file (a ZIP archive)") as file, ZipFile(file) as archive:
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
