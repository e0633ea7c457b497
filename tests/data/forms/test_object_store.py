"""The forms in an object store: the same data as on a disk, whatever markers other tools left there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.forms.conftest import Sample
from tests.data.forms.test_npz import keras_arrays
from tests.object_stores import BUCKET

URL = f"minio://{BUCKET}/data/fashion"


def put(s3: object, folder: Path, root: str = "data/fashion") -> None:
    """Uploads a tree with an object of no bytes for each folder, as several tools write it."""
    for path in (folder, *folder.rglob("*")):
        key = root if path == folder else f"{root}/{path.relative_to(folder)}"
        s3.put_object(
            Bucket=BUCKET, Key=f"{key}/" if path.is_dir() else key, Body=b"" if path.is_dir() else path.read_bytes()
        )


@pytest.mark.parametrize("place", ["", "raw/deeper"])
def test_folder_markers_are_no_files(
    s3: object, sample: Sample, tmp_path: Path, resolved: Callable[[str], str], place: str
) -> None:
    shutil.copytree(tmp_path / "idx", tmp_path / "tree" / place)
    (tmp_path / "tree/train-images.idx3-ubyte").mkdir()
    put(s3, tmp_path / "tree")
    assert f"IDX files in {URL}{place and '/'}{place} (custom data)" in resolved(URL)


def test_archives_and_arrays_are_read_from_a_store(
    s3: object, sample: Sample, tmp_path: Path, resolved: Callable[[str], str]
) -> None:
    (tmp_path / "tree").mkdir()
    np.savez_compressed(tmp_path / "tree/fashion.npz", **keras_arrays(sample))
    shutil.make_archive(str(tmp_path / "tree/zip/fashion"), "zip", tmp_path / "idx")
    put(s3, tmp_path / "tree")
    assert f".npz files in {URL} (custom" in resolved(URL)
    resolved(f"{URL}/fashion.npz")
    assert f"IDX files of ZIP archives in {URL}/zip (custom" in resolved(f"{URL}/zip")
    resolved(f"{URL}/zip/fashion.zip")


def test_an_empty_folder_in_a_store_is_refused_naming_it(
    s3: object, tmp_path: Path, refusal: Callable[[str], str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="data/fashion/", Body=b"")
    line = refusal(URL)
    assert line.startswith(f"{URL}: lacks train-images-idx3-ubyte")
    assert line.endswith("found nothing")


@pytest.mark.parametrize("name", ["sib?", "a [b]", "*", "{a,b}", "back\\slash", "#1 & 100%"])
def test_a_folder_whose_name_is_a_pattern_is_that_folder(
    s3: object, sample: Sample, tmp_path: Path, resolved: Callable[[str], str], name: str
) -> None:
    put(s3, tmp_path / "idx", f"data/{name}")
    for other in ("sib1", "a b", "a", "b"):
        s3.put_object(Bucket=BUCKET, Key=f"data/{other}/train-images-idx3-ubyte", Body=b"another's")
    resolved(f"minio://{BUCKET}/data/{name}")


def test_a_pattern_on_another_file_system_of_beam_is_refused(refusal: Callable[[str], str]) -> None:
    assert refusal("hdfs://host/data/sib?").startswith("--data-dir hdfs://host/data/sib?: has ?, by which")
