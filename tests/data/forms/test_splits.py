"""Three splits, in every form: `val` is held back, `test` is judged, and of what is read nothing is lost in silence."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Split, write_idx
from tests.data.forms import test_class_folders, test_parquet
from tests.data.forms.conftest import Sample
from tfx_pipeline.data import cache, idx, sources

Writer = Callable[[Path, dict[str, Split]], None]
HELD_BACK = "is held back for early stopping and tuning, test is what the model is judged by"


def folders(where: Path, splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        test_class_folders.write(split, where / name)


def hub(where: Path, splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        test_parquet.write(where / f"data/{name}-00000-of-00001.parquet", test_parquet.hub_table(split))


def spark(where: Path, splits: dict[str, Split]) -> None:
    for name, split in splits.items():
        part = where / f"{name}.parquet/part-00000-5f1c-c000.snappy.parquet"
        test_parquet.write(part, test_parquet.hub_table(split))
        part.with_name("_SUCCESS").touch()


def keras(where: Path, splits: dict[str, Split]) -> None:
    where.mkdir()
    images = {f"x_{name}": split.images for name, split in splits.items()}
    np.savez(where / "clothes.npz", **images, **{f"y_{name}": split.labels for name, split in splits.items()})


def medmnist(where: Path, splits: dict[str, Split]) -> None:
    where.mkdir()
    images = {f"{name}_images": split.images for name, split in splits.items()}
    labels = {f"{name}_labels": split.labels[:, None] for name, split in splits.items()}
    np.savez(where / "clothes.npz", **images, **labels)


def csv(where: Path, splits: dict[str, Split]) -> None:
    where.mkdir()
    for name, split in splits.items():
        table = np.column_stack([split.labels, split.images.reshape(len(split.labels), -1)])
        header = ",".join(["label", *(f"pixel{n}" for n in range(1, 785))])
        np.savetxt(where / f"clothes_{name}.csv", table, "%d", ",", header=header, comments="")


def idx_files(where: Path, splits: dict[str, Split]) -> None:
    where.mkdir()
    for name, split in splits.items():
        word = "t10k" if name == "test" else name
        write_idx(where / f"{word}-images-idx3-ubyte", split.images)
        write_idx(where / f"{word}-labels-idx1-ubyte", split.labels)


def three(sample: Sample, val: str = "val") -> dict[str, Split]:
    train, judged = sample["train"], sample["eval"]
    return {
        "train": Split(train.images[:150], train.labels[:150]),
        val: Split(train.images[150:], train.labels[150:]),
        "test": judged,
    }


@pytest.mark.parametrize("write", [folders, hub, spark, keras, medmnist, csv, idx_files])
@pytest.mark.parametrize("word", ["val", "validation"])
def test_val_is_held_back_and_test_is_judged(sample: Sample, tmp_path: Path, write: Writer, word: str) -> None:
    write(tmp_path / "data", three(sample, word))
    lines: list[str] = []
    resolved = sources.resolve("auto", str(tmp_path / "data"), tmp_path / "cache", lines.append)
    assert resolved.counts == {"train": 150, "eval": 50, "val": 50}
    assert "150 train + 50 eval + 50 val images" in lines[0]
    assert lines[1].removeprefix("data: ") == f"{word} {HELD_BACK}".replace(
        "test", "t10k" if write is idx_files else "test"
    )
    held_back = idx.read_images(f"{resolved.path}/val-images-idx3-ubyte", 0, 50)
    np.testing.assert_array_equal(held_back, sample["train"].images[150:])
    judged = idx.read_labels(f"{resolved.path}/t10k-labels-idx1-ubyte", 0, 50)
    np.testing.assert_array_equal(judged, sample["eval"].labels)
    facts = cache.verified(tmp_path / "cache", resolved.digest)
    assert facts is not None
    assert len(facts) == 6


@pytest.mark.parametrize("write", [folders, hub, keras, medmnist, csv])
def test_val_alone_is_judged_and_said_to_be(sample: Sample, tmp_path: Path, write: Writer) -> None:
    splits = three(sample)
    write(tmp_path / "data", {"train": splits["train"], "val": splits["val"]})
    lines: list[str] = []
    resolved = sources.resolve("auto", str(tmp_path / "data"), tmp_path / "cache", lines.append)
    assert resolved.counts == {"train": 150, "eval": 50}
    assert lines[1] == "data: val is what the model is judged by"


@pytest.mark.parametrize("write", [folders, hub, keras, csv])
def test_training_and_testing_are_the_same_data(
    sample: Sample, tmp_path: Path, resolved: Callable[[Path], str], write: Writer
) -> None:
    write(tmp_path / "data", {"training": sample["train"], "testing": sample["eval"]})
    resolved(tmp_path / "data")


def test_the_three_splits_of_a_data_set_have_another_digest_than_two_of_them(sample: Sample, tmp_path: Path) -> None:
    splits = three(sample)
    digests = set()
    for name, chosen in {"three": splits, "two": {key: splits[key] for key in ("train", "test")}}.items():
        idx_files(tmp_path / name, chosen)
        digests.add(sources.resolve("auto", str(tmp_path / name), tmp_path / "cache", print).digest)
    assert len(digests) == 2


def test_half_of_a_third_split_is_refused(sample: Sample, tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    idx_files(tmp_path / "data", three(sample))
    (tmp_path / "data/val-labels-idx1-ubyte").unlink()
    assert refusal(tmp_path / "data").startswith(f"{tmp_path}/data: lacks val-labels-idx1-ubyte; expected a folder")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"x_extra": np.zeros((3, 28, 28), np.uint8), "y_extra": np.zeros(3)},
            "x_extra: is of none of the splits train",
        ),
        ({"x_val": np.zeros((3, 28, 28), np.uint8)}, "expected the array y_val"),
        ({"val_labels": np.zeros(3)}, "expected the array val_images"),
        (
            {"x_train_test": np.zeros((3, 28, 28), np.uint8), "y_train_test": np.zeros(3)},
            "has x_train, x_train_test for",
        ),
    ],
)
def test_arrays_that_would_be_lost_are_refused(
    sample: Sample, tmp_path: Path, refusal: Callable[[Path], str], extra: dict[str, np.ndarray], expected: str
) -> None:
    keras(tmp_path / "data", {"train": sample["train"], "test": sample["eval"]})
    with np.load(tmp_path / "data/clothes.npz") as arrays:
        np.savez(tmp_path / "data/clothes.npz", **dict(arrays), **extra)
    assert expected in refusal(tmp_path / "data")


def test_other_arrays_and_files_are_said_not_to_be_read(sample: Sample, tmp_path: Path) -> None:
    keras(tmp_path / "data", {"train": sample["train"], "test": sample["eval"]})
    with np.load(tmp_path / "data/clothes.npz") as arrays:
        np.savez(tmp_path / "data/clothes.npz", **dict(arrays), class_names=np.array(["Coat"]))
    (tmp_path / "data/notes.txt").touch()
    lines: list[str] = []
    sources.resolve("auto", str(tmp_path / "data"), tmp_path / "cache", lines.append)
    assert lines[1] == "data: not read: notes.txt, class_names"


def test_a_file_of_no_split_is_refused(sample: Sample, tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    hub(tmp_path / "data", {"train": sample["train"], "test": sample["eval"], "unsupervised": sample["eval"]})
    line = refusal(tmp_path / "data")
    assert line.startswith(
        f"{tmp_path}/data/data/unsupervised-00000-of-00001.parquet: is of none of the splits train, "
    )
    assert line.endswith("rename it, or keep it elsewhere")


def test_a_third_split_of_nothing_is_refused(sample: Sample, tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    idx_files(tmp_path / "data", three(sample))
    (tmp_path / "data/val-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, 0, 28, 28))
    assert "val-images-idx3-ubyte: holds no items at all" in refusal(tmp_path / "data")
