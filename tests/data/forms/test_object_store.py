"""The forms in an object store: the same data as on a disk, whatever markers other tools left there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.forms import test_class_folders, test_parquet, test_pixel_csv
from tests.data.forms.conftest import Sample
from tests.data.forms.test_npz import keras_arrays
from tests.object_stores import BUCKET, mark_folder
from tfx_pipeline.process.object_store import filesystem

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


def csv(sample: Sample, tree: Path) -> str:
    tree.mkdir()
    for split, name in {"train": "fashion-mnist_train.csv", "eval": "fashion-mnist_test.csv"}.items():
        test_pixel_csv.write(tree / name, test_pixel_csv.table(sample[split]))
    return "CSV files"


def shards(sample: Sample, tree: Path) -> str:
    for number, start in enumerate((0, 100)):
        part = test_parquet.part(sample["train"], start, start + 100)
        test_parquet.write(tree / "data" / f"train-{number:05}-of-00002.parquet", test_parquet.hub_table(part))
    test_parquet.write(tree / "data" / "test-00000-of-00001.parquet", test_parquet.hub_table(sample["eval"]))
    return "Parquet files"


def folders(sample: Sample, tree: Path) -> str:
    test_class_folders.write(sample["train"], tree / "train")
    test_class_folders.write(sample["eval"], tree / "test")
    return "class folders of images"


@pytest.mark.parametrize("make", [csv, shards, folders])
def test_the_other_forms_are_read_from_a_store_with_the_markers_of_every_tool(
    make: Callable[[Sample, Path], str],
    s3: object,
    sample: Sample,
    tmp_path: Path,
    resolved: Callable[[str], str],
) -> None:
    kind = make(sample, tmp_path / "tree")
    put(s3, tmp_path / "tree")
    for folder in [path for path in (tmp_path / "tree").rglob("*") if path.is_dir()]:
        s3.put_object(Bucket=BUCKET, Key=f"data/fashion/{folder.relative_to(tmp_path / 'tree')}_$folder$", Body=b"")
    assert resolved(URL).startswith(f"data: {kind} in {URL}")


@pytest.mark.parametrize("make", [csv, shards, folders])
def test_the_other_forms_are_read_from_google_cloud_storage(
    make: Callable[[Sample, Path], str], gcs: str, sample: Sample, tmp_path: Path, resolved: Callable[[str], str]
) -> None:
    make(sample, tmp_path / "tree")
    store, bucket = filesystem(gcs)
    for path in (path for path in (tmp_path / "tree").rglob("*") if path.is_file()):
        key = f"data/{path.relative_to(tmp_path / 'tree')}"
        store.put_file(str(path), f"{bucket}/{key}")
        mark_folder(gcs, f"{key.rpartition('/')[0]}/")
    resolved(f"{gcs}/data")


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
