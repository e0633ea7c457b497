"""From an example's number in a split to its file, in every form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.forms import test_splits
from tests.data.forms.conftest import Sample, sample  # noqa: F401 - a fixture
from tests.data.forms.test_class_folders import FOLDERS
from tests.small_run import Run
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.origin import origins

Write = Callable[..., None]


def resolve(data: Path, tmp_path: Path) -> sources.VerifiedFiles:
    return sources.resolve("auto", str(data), tmp_path / "cache", print)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (test_splits.hub, "data/test-00000-of-00001.parquet row 7"),
        (test_splits.keras, "clothes.npz x_test index 7"),
        (test_splits.medmnist, "clothes.npz test_images index 7"),
        (test_splits.csv, "clothes_test.csv line 9"),
        (test_splits.idx_files, "t10k-images-idx3-ubyte index 7"),
    ],
)
def test_an_example_is_named_by_its_file_and_its_place_there(
    sample: Sample,  # noqa: F811
    tmp_path: Path,
    write: Write,
    expected: str,
) -> None:
    write(tmp_path / "data", {"train": sample["train"], "test": sample["eval"]})
    assert origins(resolve(tmp_path / "data", tmp_path).path, "eval", [7]) == [expected]


def test_an_image_of_a_class_folder_is_named_by_its_file(sample: Sample, tmp_path: Path) -> None:  # noqa: F811
    test_splits.folders(tmp_path / "data", {"train": sample["train"], "test": sample["eval"]})
    resolved = resolve(tmp_path / "data", tmp_path)
    images = idx.read_images(f"{resolved.path}/train-images-idx3-ubyte", 0, 200)
    for index, name in zip((199, 3), origins(resolved.path, "train", (199, 3)), strict=True):
        assert name == f"train/{FOLDERS[sample['train'].labels[index]]}/{index:05}.png"
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "data" / name)), images[index])


def test_the_same_images_from_other_files_are_named_by_those(sample: Sample, tmp_path: Path) -> None:  # noqa: F811
    splits = {"train": sample["train"], "test": sample["eval"]}
    for name, write in {"arrays": test_splits.keras, "table": test_splits.csv}.items():
        write(tmp_path / name, splits)
        last = resolve(tmp_path / name, tmp_path)
    assert origins(last.path, "train", [0]) == ["clothes_train.csv line 2"]


def test_the_examples_of_a_run_lead_to_their_files(first_run: Run) -> None:
    examples = first_run.artifact("example-gen", "examples")
    assert [name.rpartition("-images-idx3-ubyte")[2] for name in origins(str(examples), "eval", [112])] in (
        [" index 112"],
        [".gz index 112"],
        ["example 112"],
    )


def test_the_cached_copy_leads_to_the_files_that_it_was_made_of(sample: Sample, tmp_path: Path) -> None:  # noqa: F811
    test_splits.keras(tmp_path / "data", {"train": sample["train"], "test": sample["eval"]})
    first = resolve(tmp_path / "data", tmp_path)
    again = sources.resolve("npz", first.path, tmp_path / "cache", print)
    assert again == first
    assert origins(first.path, "eval", [7]) == ["clothes.npz x_test index 7"]


def test_what_was_never_noted_is_called_by_its_number(tmp_path: Path) -> None:
    assert origins(str(tmp_path), "train", [1234]) == ["example 1,234"]
