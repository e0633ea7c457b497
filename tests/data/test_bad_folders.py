"""Folders of IDX files that are refused: one line that names the file, and a cache that stays as it was."""

import gzip
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Split
from tfx_pipeline.data import sources
from tfx_pipeline.process.errors import UserError

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
EVAL_LABELS = "t10k-labels-idx1-ubyte"


def refusal(folder: Path | str, cache: Path) -> str:
    """The line with which a folder is refused, after which a good folder still resolves and nothing is left."""
    with pytest.raises(UserError) as refused:
        sources.resolve("idx", str(folder), cache, print)
    assert not list(cache.glob(".staging-*"))
    assert not list(cache.glob("?" * 64))
    line = str(refused.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def truncate(path: Path) -> None:
    replace(path, path.read_bytes()[:-20])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    replace(path, bytes(content))


def flip_a_bit_of_the_check_sum(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 4
    replace(path, bytes(content))


def promise_too_much(path: Path) -> None:
    content = path.read_bytes()
    replace(path, content[:4] + struct.pack(">I", 1_275_510_205) + content[8:])  # 10^12 bytes of pixels


def promise_too_much_compressed(path: Path) -> None:
    content = gzip.decompress(path.read_bytes())
    replace(path, gzip.compress(content[:4] + struct.pack(">I", 1_275_510_205) + content[8:]))


@pytest.mark.parametrize(
    ("file", "alter", "expected"),
    [
        (TRAIN_IMAGES, lambda path: path.unlink(), "lacks train-images-idx3-ubyte; expected a folder with"),
        (TRAIN_IMAGES, lambda path: replace(path, b""), "the file is empty"),
        (TRAIN_LABELS + ".gz", lambda path: replace(path, b""), "the file is empty"),
        (TRAIN_IMAGES, truncate, "its header promises 200 images (156,800 bytes) but 156,780 bytes follow"),
        (TRAIN_IMAGES + ".gz", truncate, "the gzip data ends too early, the file is truncated"),
        (EVAL_LABELS, truncate, "the file is truncated"),
        (
            TRAIN_LABELS,
            lambda path: replace(path, b"\x89PNG" + bytes(99)),
            "the file is a PNG image; expected an IDX file",
        ),
        (TRAIN_LABELS + ".gz", lambda path: replace(path, b"\x89PNG" + bytes(99)), "the file is a PNG image"),
        (TRAIN_IMAGES + ".gz", flip_a_bit, "the gzip data"),
        (TRAIN_IMAGES + ".gz", flip_a_bit_of_the_check_sum, "the gzip data is damaged (CRC check failed"),
        (TRAIN_IMAGES, promise_too_much, "promises 1,275,510,205 images"),
        (TRAIN_IMAGES + ".gz", promise_too_much_compressed, "promises 1,275,510,205 images"),
        (EVAL_LABELS, lambda path: replace(path, path.read_bytes() + b"x"), "there are more bytes than the 50"),
        (EVAL_LABELS + ".gz", lambda path: replace(path, path.read_bytes() + b"x"), "other bytes after the end"),
        (TRAIN_IMAGES, lambda path: (path.unlink(), path.symlink_to(path)), "Too many levels of symbolic links"),
        (TRAIN_IMAGES, lambda path: (path.unlink(), path.symlink_to("gone")), "No such file"),
        (TRAIN_IMAGES, lambda path: (path.unlink(), path.mkdir()), "lacks train-images-idx3-ubyte; expected a folder"),
        (TRAIN_IMAGES, lambda path: (path.unlink(), os.mkfifo(path)), "is not a regular file"),
    ],
)
def test_altered_file_is_refused_naming_it(
    idx_folder: Callable[..., Path], tmp_path: Path, file: str, alter: Callable[[Path], object], expected: str
) -> None:
    folder = idx_folder(suffix=Path(file).suffix)
    alter(folder / file)
    line = refusal(folder, tmp_path / "cache")
    assert expected in line
    assert file in line


def in_colour(splits: dict[str, Split]) -> None:
    splits["eval"].images = np.repeat(splits["eval"].images[..., None], 3, axis=3)


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (
            lambda splits: setattr(splits["train"], "images", splits["train"].images[:, :27]),
            "images of 27x28, expected 28x28; resize",
        ),
        (
            lambda splits: setattr(splits["train"], "labels", splits["train"].labels[:-1]),
            "199 labels for the 200 images",
        ),
        (lambda splits: setattr(splits["eval"], "images", splits["eval"].images[:-1]), "50 labels for the 49 images"),
        (lambda splits: setattr(splits["eval"], "images", splits["eval"].images[:0]), "holds no items at all"),
        (lambda splits: setattr(splits["train"], "images", splits["train"].labels), "holds labels (magic number 2049)"),
        (lambda splits: setattr(splits["eval"], "labels", splits["eval"].images), "holds images (magic number 2051)"),
        (in_colour, "images of 28x28x3, expected 28x28; resize them, or correct image_shape in modules/dataset.py"),
    ],
)
def test_wrong_data_is_refused_naming_its_file(
    idx_folder: Callable[..., Path], tmp_path: Path, alter: Callable[..., object], expected: str
) -> None:
    assert expected in refusal(idx_folder(alter=alter), tmp_path / "cache")


def test_folder_without_the_files_is_refused_naming_all_four(tmp_path: Path) -> None:
    line = refusal(tmp_path, tmp_path / "cache")
    assert "lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1" in line


def test_missing_folder_is_refused_naming_it(tmp_path: Path) -> None:
    assert "cannot be listed (No such file or directory)" in refusal(tmp_path / "nowhere", tmp_path / "cache")


def test_file_instead_of_a_folder_is_refused_naming_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder" in refusal(tmp_path / "file", tmp_path / "cache")


def test_symlink_loop_instead_of_a_folder_is_refused_naming_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "Too many levels of symbolic links" in refusal(tmp_path / "loop", tmp_path / "cache")


@pytest.mark.parametrize("unreadable", ["", TRAIN_IMAGES])
def test_unreadable_file_or_folder_is_refused_naming_it(
    idx_folder: Callable[..., Path], tmp_path: Path, unreadable: str
) -> None:
    folder = idx_folder()
    (folder / unreadable).chmod(0)
    try:
        if os.geteuid() == 0:  # whom permissions do not stop: a root without that capability is what they stop
            line = _refusal_without_override(folder, tmp_path / "cache")
        else:
            line = refusal(folder, tmp_path / "cache")
    finally:
        (folder / unreadable).chmod(0o700)
    assert "Permission denied" in line
    assert str(folder / unreadable) in line


def _refusal_without_override(folder: Path, cache: Path) -> str:
    code = (
        "import sys, pathlib\nfrom tfx_pipeline.data import sources\n"
        "try: sources.resolve('idx', sys.argv[1], pathlib.Path(sys.argv[2]), print)\n"
        "except sources.UserError as error: print(error)"
    )
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    return subprocess.run(
        [*command, sys.executable, "-c", code, str(folder), str(cache)], check=True, capture_output=True, text=True
    ).stdout


def test_good_data_in_the_cache_survives_a_bad_folder(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    good = sources.resolve("idx", str(idx_folder(name="good")), cache, print)
    content = {path.name: path.read_bytes() for path in Path(good.path).iterdir()}
    bad = idx_folder(name="bad")
    truncate(bad / TRAIN_IMAGES)
    with pytest.raises(UserError):
        sources.resolve("idx", str(bad), cache, print)
    assert {path.name: path.read_bytes() for path in Path(good.path).iterdir()} == content


def test_plain_file_is_taken_rather_than_its_gz(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder()
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(b"not even gzip")
    assert sources.resolve("idx", str(folder), tmp_path / "cache", print).counts["train"] == 200


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_names_with_a_dot_are_accepted(idx_folder: Callable[..., Path], tmp_path: Path, suffix: str) -> None:
    folder = idx_folder(suffix=suffix)
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert sources.resolve("idx", str(folder), tmp_path / "cache", print).counts["eval"] == 50


def test_gzip_of_several_members_is_accepted(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder()
    content = (folder / TRAIN_IMAGES).read_bytes()
    (folder / TRAIN_IMAGES).unlink()
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    assert sources.resolve("idx", str(folder), tmp_path / "cache", print).counts["train"] == 200


def test_memory_does_not_grow_with_the_files(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    """A small .gz that decompresses to 500 MB is refused, and the real 47 MB are read, in a few MB."""
    folder = tmp_path / "bomb"
    folder.mkdir()
    for path in Path(dataset.path).glob("*ubyte"):
        (folder / path.name).symlink_to(path)
    (folder / TRAIN_LABELS).unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(struct.pack(">2I", 2049, 60_000) + bytes(500_000_000), 1))
    tracemalloc.start()
    try:
        line = refusal(folder, tmp_path / "cache")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "there are more bytes than the 60,000 that its header promises" in line
    assert peak < 10_000_000


def test_labels_beyond_the_classes_are_left_to_the_data_gate(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder(alter=lambda splits: splits["train"].labels.__setitem__(slice(None), np.uint8(17)))
    assert sources.resolve("idx", str(folder), tmp_path / "cache", print).kind == "custom"
