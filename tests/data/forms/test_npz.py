"""NumPy's .npz as Keras and Kuzushiji-MNIST publish it."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from tests.data.forms.conftest import Sample
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES


def keras_arrays(sample: Sample) -> dict[str, np.ndarray]:
    train, test = sample["train"], sample["eval"]
    return {"x_train": train.images, "y_train": train.labels, "x_test": test.images, "y_test": test.labels}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("labels", [lambda values: values, lambda values: values.astype(">i8")[:, None]])
def test_keras_arrays_are_the_same_data(
    sample: Sample,
    tmp_path: Path,
    resolved: Callable[[Path], str],
    save: Callable[..., None],
    labels: Callable[..., Any],
) -> None:
    arrays = keras_arrays(sample)
    (tmp_path / "keras").mkdir()
    save(tmp_path / "keras/fashion.npz", **arrays | {"y_train": labels(arrays["y_train"])})
    for data_dir in (tmp_path / "keras", tmp_path / "keras/fashion.npz"):
        assert resolved(data_dir).startswith(f"data: .npz files in {tmp_path}/keras (custom data), 200 train")


def test_kuzushijis_four_files_are_the_same_data(
    sample: Sample, tmp_path: Path, resolved: Callable[[Path], str]
) -> None:
    folder = tmp_path / "kmnist"
    folder.mkdir()
    for split, word in {"train": "train", "eval": "test"}.items():
        np.savez_compressed(folder / f"kmnist-{word}-imgs.npz", sample[split].images)
        np.savez_compressed(folder / f"kmnist-{word}-labels.npz", sample[split].labels)
    (folder / "kmnist_classmap.csv").write_text("index,codepoint,char\n")
    resolved(folder)


def alter(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays.update({name: change(arrays[name])})


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda arrays: arrays.pop("y_test"), "holds x_train, y_train, x_test; expected the array y_test"),
        (
            alter("x_train", lambda x: x / 255.0),
            "x_train holds float64 of 28x28, expected uint8 of 28x28; convert them",
        ),
        (alter("x_test", lambda x: x[:, 1:]), "x_test holds uint8 of 27x28, expected uint8 of 28x28"),
        (alter("x_test", lambda x: x.reshape(-1, 784)), "x_test holds uint8 of 784, expected uint8 of 28x28"),
        (alter("x_train", lambda x: x.astype(object)), "x_train holds Python objects (a pickle)"),
        (alter("x_train", np.asfortranarray), "x_train is in Fortran's order; save it with numpy.ascontiguousarray"),
        (alter("y_train", lambda y: y[1:]), "y_train has the shape (199,); expected (200,)"),
        (alter("y_train", lambda y: y.astype(float)), "holds labels of float64; expected integers"),
        (alter("y_train", lambda y: y.astype(int) + 300), "holds labels from 300 to 309; expected 0 to 9"),
        (alter("y_train", lambda y: y.astype(int) - 1), "holds labels from -1 to 8; expected 0 to 9"),
        (
            lambda arrays: arrays.update({k: arrays[k][:0] for k in ("x_test", "y_test")}),
            "no images at all of the split",
        ),
    ],
)
def test_wrong_arrays_are_refused_in_words(
    sample: Sample, tmp_path: Path, refusal: Callable[[Path], str], spoil: Callable[..., object], expected: str
) -> None:
    arrays = keras_arrays(sample)
    spoil(arrays)
    np.savez(tmp_path / "fashion.npz", **arrays)
    line = refusal(tmp_path / "fashion.npz")
    assert line.startswith(f"{tmp_path}")
    assert expected in line


def spoil_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_a_byte, "cannot be read ("),
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cannot be read (File is not a zip file)"),
        (
            lambda path: path.write_bytes(b"\x93NUMPY"),
            "the file is a NumPy array; expected a .npz file (a ZIP archive)",
        ),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/"), "the file is a Git-LFS pointer"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
    ],
)
def test_a_file_that_is_no_npz_is_refused_naming_it(
    sample: Sample, tmp_path: Path, refusal: Callable[[Path], str], spoil: Callable[[Path], object], expected: str
) -> None:
    np.savez(tmp_path / "fashion.npz", **keras_arrays(sample))
    spoil(tmp_path / "fashion.npz")
    line = refusal(tmp_path / "fashion.npz")
    assert line.startswith(f"{tmp_path}/fashion.npz: ")
    assert expected in line


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda member: member + b"\7", "x_train has bytes after its 200 values"),
        (lambda member: member[:-1], "x_train ends before its 200 values"),
    ],
)
def test_an_array_of_another_length_than_its_header_says_is_refused(
    sample: Sample, tmp_path: Path, refusal: Callable[[Path], str], change: Callable[[bytes], bytes], expected: str
) -> None:
    np.savez(tmp_path / "whole.npz", **keras_arrays(sample))
    with ZipFile(tmp_path / "whole.npz") as whole, ZipFile(tmp_path / "fashion.npz", "w") as spoilt:
        for name in whole.namelist():
            spoilt.writestr(name, change(whole.read(name)) if name == "x_train.npy" else whole.read(name))
    assert refusal(tmp_path / "fashion.npz").startswith(f"{tmp_path}/fashion.npz: {expected}")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["kmnist-train-imgs", "kmnist-train-labels"],
            "has no .npz files for the split eval; expected names with one of the words",
        ),
        (["train-imgs", "test-imgs"], "has train-imgs.npz; expected two, of which one has `labels` in its name"),
        (
            ["train-imgs", "train-labels", "test-labels", "val-labels"],
            "has test-labels.npz; expected two, of which one has `labels` in its name",
        ),
    ],
)
def test_files_that_are_no_pairs_are_refused(
    tmp_path: Path, refusal: Callable[[Path], str], names: list[str], expected: str
) -> None:
    (tmp_path / "kmnist").mkdir()
    for name in names:
        np.savez(tmp_path / "kmnist" / f"{name}.npz", np.zeros(3, np.uint8))
    assert expected in refusal(tmp_path / "kmnist")


def test_memory_does_not_grow_with_the_file(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    train, test = (
        (
            idx.read_images(f"{dataset.path}/{names.images}", 0, 60_000),
            idx.read_labels(f"{dataset.path}/{names.labels}", 0, 60_000),
        )
        for names in SPLIT_FILES.values()
    )
    np.savez(tmp_path / "all.npz", x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    del train, test
    tracemalloc.start()
    try:
        resolved = sources.resolve("auto", str(tmp_path / "all.npz"), tmp_path / "cache", print)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert resolved.digest == dataset.digest
    assert peak < 10_000_000
