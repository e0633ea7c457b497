"""The form of Parquet files with encoded images, as the Hugging Face hub writes them."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from modules.dataset import DATASET
from tfx_pipeline.data.forms.files import BATCH, Batch, Splits, as_labels, by_split, reading, split_folders
from tfx_pipeline.data.forms.folder import Folder, list_folder
from tfx_pipeline.data.forms.images import decode, label_of
from tfx_pipeline.data.stream import IdxError, shown

NAME: Final = "Parquet files"
_LABELS: Final = ("label", "labels")


def names(folder: Folder) -> list[str]:
    """Lists the Parquet files in a folder and in those of splits in it."""
    nested = [f"{name}/{file}" for name in split_folders(folder) for file in list_folder(folder.at(name)).files]
    return [name for name in (*folder.files, *nested) if name.lower().endswith(".parquet")]


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the rows, a batch at a time."""
    shards = by_split(folder, names, NAME, several=True)
    for split in shards.values():
        _check_shards(folder, split)
    return {split: chain.from_iterable(_batches(folder.at(name)) for name in shards[split]) for split in shards}


def _check_shards(folder: Folder, names: Sequence[str]) -> None:
    """Makes sure that the files of a split are one data set's, and all of them: train-00000-of-00002.parquet."""
    shards = [match for name in names if (match := re.match(r"(.*?)(\d+)-of-(\d+)", name))]
    series = {(shard[1], int(shard[3])) for shard in shards} if shards else {re.sub(r"\d", "", name) for name in names}
    whole = not shards or [int(shard[2]) for shard in shards] == list(range(int(shards[0][3])))
    if len(series) != 1 or not whole or len(shards) not in (0, len(names)):
        raise IdxError(
            f"{shown(folder.path)}: has {', '.join(names)}; expected all shards of one data set, and no other"
        )


def _batches(path: str) -> Iterator[Batch]:
    with reading(path, "a Parquet file") as file:
        table = ParquetFile(file)
        columns = _columns(path, table.schema_arrow)
        names = _class_names(table.schema_arrow, columns[1])
        row = 0
        for batch in table.iter_batches(BATCH, columns=columns):
            values, labels = (batch.column(name).to_pylist() for name in columns)
            encoded = ((value["bytes"] if isinstance(value, dict) else value) or b"" for value in values)
            images = [decode(content, f"{path}: row {number}") for number, content in enumerate(encoded, row)]
            row += len(labels)
            if labels:
                yield Batch(np.stack(images), _labels(path, labels, names))


def _columns(path: str, schema: Any) -> list[str]:
    """Finds the columns of images and of labels."""
    images = [field.name for field in schema if _holds_images(field.type)]
    labels = [name for name in _LABELS if name in schema.names]
    if len(images) != 1 or len(labels) != 1:
        found = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise IdxError(f"{shown(path)}: has the columns {found}; expected one of image bytes, and one named label")
    return [*images, *labels]


def _holds_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in kind.names
    return kind in (pa.binary(), pa.large_binary())


def _class_names(schema: Any, column: str) -> list[str] | None:
    """Reads the name of each label number where the hub noted it."""
    info = json.loads((schema.metadata or {}).get(b"huggingface", "{}"))
    names: list[str] | None = info.get("info", {}).get("features", {}).get(column, {}).get("names")
    return names


def _labels(path: str, values: list[Any], names: list[str] | None) -> np.ndarray:
    if names:
        if wrong := [value for value in values if not (isinstance(value, int) and 0 <= value < len(names))]:
            raise IdxError(f"{shown(path)}: has the label {wrong[0]}; expected 0 to {len(names) - 1}")
        values = [names[value] for value in values]
    if not all(isinstance(value, str) for value in values):
        return as_labels(np.array(values), path)
    labels = {name: label_of(name) for name in set(values)}
    if unknown := sorted(name for name in labels if labels[name] is None):
        classes = ", ".join(DATASET.class_names)
        raise IdxError(f"{shown(path)}: has the class {unknown[0]!r}; expected those of modules/dataset.py ({classes})")
    return np.array([labels[value] for value in values], np.uint8)
