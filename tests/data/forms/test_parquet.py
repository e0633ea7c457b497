"""Parquet files of encoded images, as the Hugging Face hub writes them."""

import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from modules.dataset import DATASET
from tests.conftest import Split
from tests.data.forms.conftest import Sample
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES

# As zalando-datasets/fashion_mnist names them.
HUB_NAMES = ["T - shirt / top", *DATASET.class_names[1:]]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def hub_table(
    split: Split, image: str = "image", label: str = "label", names: Sequence[str] | None = HUB_NAMES, start: int = 0
) -> pa.Table:
    """A table with the schema and the metadata that `datasets` writes."""
    features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    if names is None:
        features[label] = {"dtype": "int64", "_type": "Value"}
    schema = pa.schema(
        [(image, IMAGE), (label, pa.int64())], {"huggingface": json.dumps({"info": {"features": features}})}
    )
    images = [{"bytes": png(pixels), "path": None} for pixels in split.images]
    return pa.Table.from_arrays([pa.array(images, IMAGE), pa.array(split.labels, pa.int64())], schema=schema)


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=100)


def part(split: Split, start: int, stop: int) -> Split:
    return Split(split.images[start:stop], split.labels[start:stop])


@pytest.fixture
def hub(sample: Sample, tmp_path: Path) -> Path:
    folder = tmp_path / "hub/fashion_mnist"
    for number, start in enumerate((0, 70, 140)):
        write(folder / f"train-{number:05}-of-00003.parquet", hub_table(part(sample["train"], start, start + 70)))
    write(folder / "test-00000-of-00001.parquet", hub_table(sample["eval"]))
    (folder.parent / "README.md").write_text("---\n")
    return folder


def test_the_hubs_files_are_the_same_data(hub: Path, resolved: Callable[[Path], str]) -> None:
    for data_dir in (hub, hub.parent):
        assert resolved(data_dir).startswith(f"data: Parquet files in {hub} (custom data), 200 train + 50 eval images")


def test_the_hubs_converted_files_are_the_same_data(
    sample: Sample, tmp_path: Path, resolved: Callable[[Path], str]
) -> None:
    folder = tmp_path / "hub/default"
    write(folder / "train/0000.parquet", hub_table(part(sample["train"], 0, 150), "img", "labels"))
    write(folder / "train/0001.parquet", hub_table(part(sample["train"], 150, 200), "img", "labels"))
    write(folder / "test/0000.parquet", hub_table(sample["eval"], names=None))
    resolved(tmp_path / "hub")


def test_classes_in_another_order_and_labels_as_names_are_the_same_data(
    sample: Sample, hub: Path, resolved: Callable[[Path], str]
) -> None:
    other = Split(sample["eval"].images, 9 - sample["eval"].labels)
    write(hub / "test-00000-of-00001.parquet", hub_table(other, names=HUB_NAMES[::-1]))
    resolved(hub)
    words = pa.array([DATASET.class_names[label] for label in sample["eval"].labels])
    encoded = pa.array([png(image) for image in sample["eval"].images])
    write(hub / "test-00000-of-00001.parquet", pa.table({"image": encoded, "label": words, "id": pa.array(range(50))}))
    resolved(hub)


def test_shards_with_their_own_digests_are_the_same_data(hub: Path, resolved: Callable[[Path], str]) -> None:
    for number, path in enumerate(sorted(hub.glob("train*"))):
        path.rename(path.with_name(f"{path.stem}-{number}abc9{number}.parquet"))
    resolved(hub)


@pytest.mark.parametrize("noted", ['{"info": {"features": null}}', '{"info": null}', "null", "no JSON"])
def test_what_the_hub_noted_in_another_form_is_left_alone(
    sample: Sample, hub: Path, resolved: Callable[[Path], str], noted: str
) -> None:
    table = hub_table(sample["eval"]).replace_schema_metadata({"huggingface": noted})
    write(hub / "test-00000-of-00001.parquet", table)
    resolved(hub)


Table = pa.Table


def with_image(row: int, content: bytes | None) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        images = table["image"].to_pylist()
        images[row] = {"bytes": content, "path": "a.png"}
        return table.set_column(0, "image", pa.array(images, IMAGE))

    return change


def with_label(row: int, value: Any) -> Callable[[Table], Table]:
    def change(table: Table) -> Table:
        labels = table["label"].to_pylist()
        labels[row] = value
        return table.set_column(1, "label", pa.array(labels))

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_image(42, png(np.zeros((28, 27), np.uint8))), ": row 42: is of 28x27 pixels; expected 28x28"),
        (with_image(42, b"GIF89a"), ": row 42: the file is a GIF image; expected a PNG image or a JPEG image"),
        (with_image(42, None), ": row 42: has the path a.png and no bytes of the image; expected its bytes"),
        (with_image(7, png(np.zeros((28, 28), np.uint8))[:-20]), ": row 7: cannot be read ("),
        (with_label(3, -1), ": has the label -1; expected 0 to 9"),
        (with_label(3, 10), ": has the label 10; expected 0 to 9"),
        (with_label(3, None), ": row 3: has no label; expected one of 10 classes"),
        (
            lambda table: table.set_column(1, "label", pa.array([[0, 1]] * len(table))),
            "has several labels an image (label: list<",
        ),
        (
            lambda table: table.drop_columns("label"),
            "has the columns image: struct<bytes: binary, path: string>; expected",
        ),
        (lambda table: table.rename_columns(["image", "class"]), "and one named label"),
        (
            lambda table: table.append_column("other", table["image"]),
            "expected one of image bytes, and one named label",
        ),
        (lambda table: table.replace_schema_metadata().slice(0, 0), "holds no images at all of the split eval"),
    ],
)
def test_wrong_rows_and_columns_are_refused_naming_them(
    sample: Sample, hub: Path, refusal: Callable[[Path], str], change: Callable[[Table], Table], expected: str
) -> None:
    write(hub / "test-00000-of-00001.parquet", change(hub_table(sample["eval"])))
    line = refusal(hub)
    assert line.startswith(f"{hub}")
    assert expected in line


def test_other_classes_are_refused_naming_one(sample: Sample, hub: Path, refusal: Callable[[Path], str]) -> None:
    write(hub / "test-00000-of-00001.parquet", hub_table(sample["eval"], names=["Hat", *HUB_NAMES[1:]]))
    line = refusal(hub)
    assert "has the class 'Hat'; expected those of modules/dataset.py (T-shirt/top, Trouser," in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "the file is a Git-LFS pointer"),
        (b"<!DOCTYPE html>", "the file is a web page"),
        (b"PAR1" + bytes(80), "cannot be read ("),
    ],
)
def test_what_is_no_parquet_file_is_refused_naming_it(
    hub: Path, refusal: Callable[[Path], str], content: bytes, expected: str
) -> None:
    path = hub / "train-00001-of-00003.parquet"
    path.write_bytes(content)
    assert refusal(hub).startswith(f"{path}: {expected}")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda hub: (hub / "train-00002-of-00003.parquet").unlink(), "expected all shards of one data set"),
        (
            lambda hub: (hub / "train-00000-of-00003.parquet").rename(hub / "mnist-train-00000-of-00003.parquet"),
            "all sh",
        ),
        (lambda hub: (hub / "train.parquet").touch(), "expected all shards of one data set, and no other"),
        (lambda hub: (hub / "test-00000-of-00001.parquet").unlink(), "has no Parquet files for the split eval"),
        (lambda hub: (hub / "a_train.csv").touch(), "holds more than one data set (CSV files in "),
    ],
)
def test_shards_that_are_not_one_data_set_are_refused(
    hub: Path, refusal: Callable[[Path], str], spoil: Callable[[Path], object], expected: str
) -> None:
    spoil(hub)
    line = refusal(hub)
    assert line.startswith(f"{hub}: ")
    assert expected in line


def test_memory_does_not_grow_with_the_file(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    for split, name in {"train": "train", "eval": "test"}.items():
        files = SPLIT_FILES[split]
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, 10_000)
        write(
            tmp_path / f"{name}.parquet",
            hub_table(Split(idx.read_images(f"{dataset.path}/{files.images}", 0, 10_000), labels)),
        )
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    try:
        assert sources.resolve("auto", str(tmp_path), tmp_path / "cache", print).counts["train"] == 10_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        assert pa.total_allocated_bytes() - before < 1_000_000
    finally:
        tracemalloc.stop()
