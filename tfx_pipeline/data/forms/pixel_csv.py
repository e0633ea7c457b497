"""The form of CSV files as Kaggle has them: a column `label`, and one for each value of the image."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, pairwise
from typing import Final

import numpy as np

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import kind_of
from tfx_pipeline.data.forms.files import BATCH, Batch, Splits, by_split, words_in
from tfx_pipeline.data.forms.folder import Folder
from tfx_pipeline.data.origin import Run
from tfx_pipeline.data.stream import CHUNK, IdxError, IdxStream, shown

NAME: Final = "CSV files"
SOURCE: Final = "csv"
_PIXELS: Final = DATASET.image_bytes
_LONGEST_LINE: Final = CHUNK + 8 * _PIXELS  # bytes


def names(folder: Folder) -> list[str]:
    """Lists the CSV files in a folder, plain or .gz, that have a split in their names."""
    return [name for name in folder.files if re.search(r"\.csv(\.gz)?$", name.lower()) and words_in(name)]


def splits(folder: Folder, names: list[str]) -> Splits:
    """Reads the lines, a batch at a time."""
    files, words = by_split(folder, names, NAME)
    return Splits(
        {split: _batches(folder.at(name)) for split, (name,) in files.items()}, words, Counter(folder.skipped)
    )


def _batches(path: str) -> Iterator[Batch]:
    lines = ((number, line) for number, line in enumerate(_lines(path), 1) if line or number == 1)
    label = _label_column(path, next(lines, (1, ""))[1])
    while part := list(islice(lines, BATCH)):
        table = _table(path, part)
        images = np.delete(table, label, axis=1).reshape(-1, *DATASET.image_shape)
        yield Batch(images, table[:, label], [Run(path, 1, "line", number) for number, _ in part])


def _lines(path: str) -> Iterator[str]:
    with IdxStream(path) as stream:
        rest = ""
        while chunk := stream.read(CHUNK):
            *lines, rest = (rest + chunk.decode("latin-1")).split("\n")
            yield from (line.rstrip("\r ") for line in lines)
            if len(rest) > _LONGEST_LINE:
                raise IdxError(f"{shown(path)}: has a line of more than {len(rest):,} bytes; expected a CSV file")
        yield rest


def _label_column(path: str, header: str) -> int:
    """Finds the label among the columns, and makes sure that the pixels are numbered in their order."""
    if kind := kind_of(header.encode("latin-1")):
        raise IdxError(f"{shown(path)}: the file is {kind}; expected a CSV file")
    names = [name.strip(' "') for name in header.removeprefix("\xef\xbb\xbf").lower().split(",")]
    places = [[int(digits) for digits in re.findall(r"\d+", name)] for name in names if name != "label"]
    if len(places) != _PIXELS or len(names) != 1 + _PIXELS or any(one >= other for one, other in pairwise(places)):
        found = f"{len(names):,} columns ({shown(', '.join(names[:4]))}, ...)"
        raise IdxError(
            f"{shown(path)}: line 1 has {found}; expected label and {_PIXELS:,} pixels, numbered in their order"
        )
    return names.index("label")


def _table(path: str, lines: list[tuple[int, str]]) -> np.ndarray:
    with suppress(ValueError):
        table = np.loadtxt([line for _, line in lines], np.uint8, comments=None, delimiter=",", quotechar='"', ndmin=2)
        if table.shape[1] == 1 + _PIXELS:
            return table
    raise IdxError(
        next(filter(None, (_problem(path, *line) for line in lines)), f"{shown(path)}: cannot be read as numbers")
    )


def _problem(path: str, number: int, line: str) -> str | None:
    values = [value.strip(' "') for value in line.split(",")]
    if len(values) != 1 + _PIXELS:
        return f"{shown(path)}: line {number:,} has {len(values):,} columns; expected {1 + _PIXELS:,}"
    wrong = [value for value in values if not (value.isdecimal() and int(value) < 256)]  # noqa: PLR2004
    return f"{shown(path)}: line {number:,} holds {wrong[0]!r}; expected integers from 0 to 255" if wrong else None
