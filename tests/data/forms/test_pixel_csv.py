"""CSV files as Kaggle publishes them."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Split
from tests.data.forms.conftest import Sample
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES

KAGGLE = ["label", *(f"pixel{number}" for number in range(1, 785))]


def table(split: Split) -> list[list[str]]:
    rows = np.column_stack([split.labels, split.images.reshape(-1, 784)])
    return [[*KAGGLE], *([str(value) for value in row] for row in rows.tolist())]


def write(path: Path, rows: list[list[str]]) -> None:
    path.write_text("".join(f"{','.join(row)}\n" for row in rows))


@pytest.fixture
def kaggle(sample: Sample, tmp_path: Path) -> Path:
    folder = tmp_path / "kaggle"
    folder.mkdir()
    write(folder / "fashion-mnist_train.csv", table(sample["train"]))
    write(folder / "fashion-mnist_test.csv", table(sample["eval"]))
    (folder / "classes.csv").write_text("number,name\n")
    return folder


def test_kaggles_files_are_the_same_data(kaggle: Path, resolved: Callable[[Path], str]) -> None:
    assert resolved(kaggle).startswith(f"data: CSV files in {kaggle} (custom data), 200 train + 50 eval images")


def label_last(rows: list[list[str]]) -> list[list[str]]:
    return [[*row[1:], row[0]] for row in rows]


def from_zero(rows: list[list[str]]) -> list[list[str]]:
    return [["label", *(f"pixel{number}" for number in range(784))], *rows[1:]]


def rows_and_columns(rows: list[list[str]]) -> list[list[str]]:
    return [["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))], *rows[1:]]


def quoted(rows: list[list[str]]) -> list[list[str]]:
    return [[f'"{name}"' for name in row] for row in rows]


@pytest.mark.parametrize("change", [label_last, from_zero, rows_and_columns, quoted])
def test_other_tools_spellings_are_the_same_data(
    kaggle: Path, sample: Sample, resolved: Callable[[Path], str], change: Callable[[list[list[str]]], list[list[str]]]
) -> None:
    write(kaggle / "fashion-mnist_train.csv", change(table(sample["train"])))
    resolved(kaggle)


def test_windows_ends_of_lines_blank_lines_and_gzip_are_the_same_data(
    kaggle: Path, resolved: Callable[[Path], str]
) -> None:
    train, test = kaggle / "fashion-mnist_train.csv", kaggle / "fashion-mnist_test.csv"
    train.write_bytes(b"\xef\xbb\xbf" + train.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    (kaggle / "fashion-mnist_test.csv.gz").write_bytes(gzip.compress(test.read_bytes().rstrip()))
    test.unlink()
    resolved(kaggle)


def set_value(row: int, column: int, value: str) -> Callable[[list[list[str]]], object]:
    return lambda rows: rows[row].__setitem__(column, value)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda rows: rows[7].pop(), "line 8 has 784 columns; expected 785"),
        (lambda rows: rows[150].append("0"), "line 151 has 786 columns; expected 785"),
        (lambda rows: [row.pop() for row in rows[1:]], "line 2 has 784 columns; expected 785"),
        (set_value(3, 5, "256"), "line 4 holds '256'; expected integers from 0 to 255"),
        (set_value(3, 5, "-1"), "line 4 holds '-1'"),
        (set_value(3, 5, ""), "line 4 holds ''"),
        (set_value(200, 0, "Coat"), "line 201 holds 'Coat'"),
        (set_value(9, 9, "0.5"), "line 10 holds '0.5'"),
        (lambda rows: rows.pop(0), "line 1 has 785 columns (9, 0, 0, 0, ...); expected label and 784 pixels"),
        (lambda rows: [row.pop() for row in rows], "line 1 has 784 columns (label, pixel1, pixel2, pixel3, ...)"),
        (lambda rows: [row.pop(0) for row in rows], "line 1 has 784 columns (pixel1, "),
        (lambda rows: [row.__setitem__(slice(1, None), row[:0:-1]) for row in rows], "(label, pixel784, pixel783, "),
        (lambda rows: rows.__setitem__(slice(1, None), []), "holds no images at all of the split train"),
        (lambda rows: rows.clear(), "the file is empty; expected a CSV file"),
    ],
)
def test_wrong_lines_are_refused_naming_them(
    kaggle: Path, sample: Sample, refusal: Callable[[Path], str], spoil: Callable[..., object], expected: str
) -> None:
    rows = table(sample["train"])
    spoil(rows)
    write(kaggle / "fashion-mnist_train.csv", rows)
    line = refusal(kaggle)
    assert line.startswith(f"{kaggle}")
    assert expected in line


def test_a_line_far_behind_is_named_by_its_own_number(
    kaggle: Path, sample: Sample, refusal: Callable[[Path], str]
) -> None:
    rows = table(sample["train"])
    rows = rows[:1] + rows[1:] * 12
    rows[2_345] = [*rows[2_345][:8], "x", *rows[2_345][9:]]
    rows.insert(1, [])  # a blank line counts
    write(kaggle / "fashion-mnist_train.csv", rows)
    assert refusal(kaggle).endswith("fashion-mnist_train.csv: line 2,347 holds 'x'; expected integers from 0 to 255")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<html>", "the file is a web page"),
        (b"PK\x03\x04" + bytes(60), "the file is a ZIP archive; expected a CSV file"),
        (b"0" * 3_000_000, "has a line of more than"),
        ("label,pixel1\n".encode("utf-16"), "line 1 has 2 columns"),
    ],
)
def test_what_is_no_csv_file_is_refused_naming_it(
    kaggle: Path, refusal: Callable[[Path], str], content: bytes, expected: str
) -> None:
    (kaggle / "fashion-mnist_train.csv").write_bytes(content)
    line = refusal(kaggle)
    assert line.startswith(f"{kaggle}/fashion-mnist_train.csv: ")
    assert expected in line


def test_a_split_with_no_file_or_with_two_is_refused(kaggle: Path, refusal: Callable[[Path], str]) -> None:
    (kaggle / "mnist_train.csv").touch()
    line = refusal(kaggle)
    assert (
        "has fashion-mnist_train.csv, mnist_train.csv for the split train; expected one name with one of the words"
        in line
    )
    (kaggle / "mnist_train.csv").unlink()
    (kaggle / "fashion-mnist_test.csv").unlink()
    assert (
        f"{kaggle}: has no CSV files for the split eval; expected one name with one of the words test, testing"
        in refusal(kaggle)
    )


def test_memory_does_not_grow_with_the_file(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    for split, name in {"train": "train", "eval": "test"}.items():
        files = SPLIT_FILES[split]
        images = idx.read_images(f"{dataset.path}/{files.images}", 0, 10_000)
        write(
            tmp_path / f"{name}.csv", table(Split(images, idx.read_labels(f"{dataset.path}/{files.labels}", 0, 10_000)))
        )
    tracemalloc.start()
    try:
        assert sources.resolve("auto", str(tmp_path), tmp_path / "cache", print).counts["train"] == 10_000
        assert tracemalloc.get_traced_memory()[1] < 25_000_000  # of 20 MB a file
    finally:
        tracemalloc.stop()
