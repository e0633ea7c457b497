"""The form of Parquet files with encoded images, as the Hugging Face hub and Spark write them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import (
    BATCH,
    LARGEST_LABEL,
    Batch,
    Splits,
    by_split,
    read_all,
    reading,
    words_in,
)
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.forms.images import decode, label_of
from tfx_pipeline.data.origin import Run
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "Parquet files"
SOURCE: Final = "parquet"
_LABELS: Final = ("label", "labels")
_label_of: Final = cache(label_of)


def names(folder: Folder) -> list[str]:
    """Lists the Parquet files in a folder, and in those of splits in it: `train/`, or Spark's `train.parquet/`."""
    nested = [
        f"{name}/{file}" for name in folder.folders if words_in(name) for file in list_folder(folder.at(name)).files
    ]
    return [name for name in (*folder.files, *nested) if name.lower().endswith(".parquet") and "/." not in f"/{name}"]


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the rows, a batch at a time."""
    shards, words = by_split(folder, names, NAME, several=True)
    for split in shards.values():
        _check_shards(folder, split)
    batches = {split: chain.from_iterable(_batches(folder.at(name)) for name in shards[split]) for split in shards}
    return Splits(batches, words, Counter(folder.skipped))


def _check_shards(folder: Folder, names: Sequence[str]) -> None:
    """Makes sure that the files of a split are one data set's, and all of them: train-00000-of-00002.parquet."""
    shards = [match for name in names if (match := re.match(r"(.*?)(\d+)-of-(\d+)", name))]
    series = {(shard[1], int(shard[3])) for shard in shards} if shards else {re.sub(r"\d", "", name) for name in names}
    whole = not shards or [int(shard[2]) for shard in shards] == list(range(int(shards[0][3])))
    if len(series) != 1 or not whole or len(shards) not in (0, len(names)):
        raise IdxError(
            f"{shown(folder.path)}: has {', '.join(names)}; expected all shards of one data set, and no other"
        )


class _Row(NamedTuple):
    where: str
    number: int
    image: Any
    label: Any


def _batches(path: str) -> Iterator[Batch]:
    with reading(path, "a Parquet file") as file:
        table = ParquetFile(file)
        columns = _columns(path, table.schema_arrow)
        names = _class_names(table.schema_arrow, columns[1])
        rows = _rows(path, table, columns)
        yield from read_all(rows, partial(_example, names=names), lambda row: Run(path, 1, "row", row.number))


def _rows(path: str, table: ParquetFile, columns: list[str]) -> Iterator[_Row]:
    batches = table.iter_batches(BATCH, columns=columns)
    pairs = chain.from_iterable(
        zip(*(batch.column(name).to_pylist() for name in columns), strict=True) for batch in batches
    )
    for number, (image, label) in enumerate(pairs):
        yield _Row(f"{path}: row {number}", number, image, label)


def _example(row: _Row, names: list[str] | None) -> tuple[np.ndarray, int]:
    return decode(_content(row), row.where), _label(row, names)


def _content(row: _Row) -> bytes:
    content = row.image["bytes"] if isinstance(row.image, dict) else row.image
    path = row.image.get("path") if isinstance(row.image, dict) else None
    if content is None and path:
        raise IdxError(
            f"{shown(row.where)}: has the path {shown(path)} and no bytes of the image; expected its bytes: write the "
            "table where the files lie, with datasets' push_to_hub or Image(decode=False) and their bytes"
        )
    if content is None:
        raise IdxError(f"{shown(row.where)}: has no image; expected its bytes")
    return bytes(content)


def _columns(path: str, schema: Any) -> list[str]:
    """Finds the columns of images and of labels."""
    images = [field.name for field in schema if _holds_images(field.type)]
    labels = [name for name in _LABELS if name in schema.names]
    if len(images) != 1 or len(labels) != 1:
        found = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise IdxError(f"{shown(path)}: has the columns {found}; expected one of image bytes, and one named label")
    kind = schema.field(labels[0]).type
    if pa.types.is_nested(kind):
        raise IdxError(
            f"{shown(path)}: has several labels an image ({labels[0]}: {kind}); expected one integer or name"
        )
    return [*images, *labels]


def _holds_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in kind.names
    return kind in (pa.binary(), pa.large_binary())


def _class_names(schema: Any, column: str) -> list[str] | None:
    """Reads the name of each label number where the hub noted it, and nothing where what is noted has another form."""
    with suppress(ValueError, KeyError, TypeError):
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
        return noted if noted and all(isinstance(name, str) for name in noted) else None
    return None


def _label(row: _Row, names: list[str] | None) -> int:
    value = row.label
    if value is None:
        raise IdxError(f"{shown(row.where)}: has no label; expected one of {DATASET.num_classes} classes")
    if names:
        if not (type(value) is int and 0 <= value < len(names)):
            raise IdxError(f"{shown(row.where)}: has the label {value}; expected 0 to {len(names) - 1}")
        value = names[value]
    if isinstance(value, str):
        return _named(value, row.where)
    if type(value) is not int or not 0 <= value <= LARGEST_LABEL:
        raise IdxError(
            f"{shown(row.where)}: has the label {value!r}; expected an integer from 0 to {DATASET.num_classes - 1}"
        )
    return value


def _named(name: str, where: str) -> int:
    label = _label_of(name)
    if label is None:
        classes = ", ".join(DATASET.class_names)
        raise IdxError(f"{shown(where)}: has the class {name!r}; expected those of modules/dataset.py ({classes})")
    return label
