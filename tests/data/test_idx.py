"""Reading ranges of IDX files, and what the reader refuses."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.localfilesystem import LocalFileSystem

from tests.conftest import write_idx
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES

IMAGES, LABELS = SPLIT_FILES["train"]


def images_header(*shape: int) -> bytes:
    return struct.pack(">4I", idx.IMAGES_MAGIC, *shape)


def packed(content: bytes) -> bytes:
    """Without the time of packing: tests are named after it, and two processes must find the same names."""
    return gzip.compress(content, mtime=0)


class RemoteLikeFileSystem(LocalFileSystem):
    """Local files under a URL scheme, registered with Beam as any object store is."""

    @classmethod
    def scheme(cls) -> str:
        return "looped"

    @staticmethod
    def _local(path: str) -> str:
        return path.removeprefix("looped:/")

    def open(self, path, mime_type="", compression_type=CompressionTypes.AUTO):  # type: ignore[no-untyped-def]
        return super().open(self._local(path), mime_type, compression_type)

    def match(self, patterns, limits=None):  # type: ignore[no-untyped-def]
        return super().match([self._local(pattern) for pattern in patterns], limits)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_ranges_put_together_are_the_whole(idx_folder: Callable[..., Path], suffix: str) -> None:
    path = str(idx_folder(train=100, suffix=suffix) / f"{IMAGES}{suffix}")
    whole = idx.read_images(path, 0, 100)
    parts = [idx.read_images(path, start, 30) for start in (0, 30, 60, 90)]
    assert whole.dtype == np.uint8
    assert [part.shape for part in parts] == [(30, 28, 28)] * 3 + [(10, 28, 28)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.std() > 50  # real images, not zeros


def test_header_tells_the_shape(dataset: sources.VerifiedFiles) -> None:
    assert idx.read_header(f"{dataset.path}/{IMAGES}") == (60_000, 28, 28)
    assert idx.read_header(f"{dataset.path}/{LABELS}") == (60_000,)


def test_colour_images_are_read_with_their_channels(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    grey = idx.read_images(f"{dataset.path}/{IMAGES}", 0, 10)
    colour = np.stack([grey, grey[:, ::-1], 255 - grey], axis=3)
    write_idx(tmp_path / "colour", colour)
    assert (tmp_path / "colour").read_bytes()[:4] == bytes([0, 0, 8, 4])
    assert idx.read_header(str(tmp_path / "colour")) == (10, 28, 28, 3)
    np.testing.assert_array_equal(idx.read_images(str(tmp_path / "colour"), 4, 3), colour[4:7])


def test_file_smaller_than_its_header_promises_is_refused_before_any_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(images_header(2, 28, 28) + bytes(784))
    for read in (idx.read_header, lambda path: idx.read_images(path, 0, 1)):
        with pytest.raises(idx.IdxError, match="promises 2 images"):
            read(str(tmp_path / "short"))


def test_first_training_labels_are_the_published_ones(dataset: sources.VerifiedFiles) -> None:
    assert idx.read_labels(f"{dataset.path}/{LABELS}", 0, 8).tolist() == [9, 0, 0, 3, 0, 2, 7, 2]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_range_past_the_end_is_empty(idx_folder: Callable[..., Path], suffix: str) -> None:
    folder = idx_folder(train=10, suffix=suffix)
    assert idx.read_images(str(folder / f"{IMAGES}{suffix}"), 10, 5).shape == (0, 28, 28)
    assert idx.read_labels(str(folder / f"{LABELS}{suffix}"), 8, 5).shape == (2,)


def test_negative_range_is_refused(dataset: sources.VerifiedFiles) -> None:
    with pytest.raises(ValueError, match="start and count must be 0 or more, got -1 and 5"):
        idx.read_labels(f"{dataset.path}/{LABELS}", -1, 5)


def test_labels_read_as_images_are_refused(dataset: sources.VerifiedFiles) -> None:
    with pytest.raises(idx.IdxError, match=r"train-labels.*: holds labels \(magic number 2049\), expected images"):
        idx.read_images(f"{dataset.path}/{LABELS}", 0, 1)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_beam_file_system_urls_are_read(idx_folder: Callable[..., Path], tmp_path: Path, suffix: str) -> None:
    folder = idx_folder(train=20, eval=5, suffix=suffix)
    url = f"looped:/{folder}"
    np.testing.assert_array_equal(
        idx.read_images(f"{url}/{IMAGES}{suffix}", 7, 4), idx.read_images(f"{folder}/{IMAGES}{suffix}", 7, 4)
    )
    resolved = sources.resolve("idx", url, tmp_path / "cache", print)
    assert resolved.counts == {"train": 20, "eval": 5}


@pytest.mark.parametrize("folder", ["nosuch://bucket/fashion", "looped://nowhere/at/all"])
def test_unusable_url_is_refused_naming_it(folder: str, tmp_path: Path) -> None:
    with pytest.raises(idx.IdxError, match=rf"^{folder}: .*") as refusal:
        sources.resolve("idx", folder, tmp_path / "cache", print)
    assert "\n" not in str(refusal.value)


def test_unusable_url_of_a_file_is_refused_naming_it() -> None:
    with pytest.raises(idx.IdxError, match=r"^nosuch://bucket/x: cannot be read \("):
        idx.read_header("nosuch://bucket/x")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"\x00\x00\x08", r"its first bytes are 00 00 08, not the magic number 2051 or 2049"),
        (b"\x00\x00\x0d\x03" + bytes(60), "the file is an IDX file of 32-bit floats"),
        (images_header(2, 28, 28)[:9], "ends within its header, the file is truncated"),
        (images_header(2, 0, 28), "its header promises images of 0x28;"),
        (images_header(2, 28, 28) + bytes(1000), r"promises 2 images \(1,568 bytes\) but 1,000 bytes follow"),
        (images_header(2**32 - 1, 28, 28) + bytes(784), "promises 4,294,967,295 images .* but 784 bytes follow"),
        (b"\x00\x00\x0c\x01" + bytes(60), "the file is an IDX file of 32-bit integers"),
        (
            b"\x00\x00\x08\x02" + bytes(60),
            "the file is an IDX file of unsigned bytes with another number of dimensions",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "the file is a Git-LFS pointer .*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "the file is a web page"),
        (b"PK\x03\x04" + bytes(60), "the file is a ZIP archive; expected an IDX file"),
        (packed(packed(images_header(1, 28, 28))), "the file is gzip-compressed once more than expected"),
    ],
)
def test_bad_content_is_refused_naming_the_file(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "some-file"
    path.write_bytes(content)
    with pytest.raises(idx.IdxError, match=rf"^{path}: .*{problem}"):
        idx.read_images(str(path), 0, 10**12)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (packed(images_header(1, 28, 28) + bytes(784))[:-12], "the gzip data ends too early"),
        (packed(images_header(2**32 - 1, 28, 28) + bytes(784)), "promises 4,294,967,295 images"),
        (packed(images_header(9, 28, 28)) + b"garbage", "other bytes after the end of the gzip data"),
    ],
)
def test_bad_gzip_is_refused_naming_the_file(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "some-file.gz"
    path.write_bytes(content)
    with pytest.raises(idx.IdxError, match=rf"^{path}: .*({problem})"):
        idx.read_images(str(path), 0, 10**12)


@pytest.mark.parametrize(("name", "pack"), [("plain.gz", bytes), ("gzip", gzip.compress)])
def test_gzip_is_told_by_the_bytes_and_not_by_the_name(
    idx_folder: Callable[..., Path], tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    plain = idx_folder(train=20) / IMAGES
    (tmp_path / name).write_bytes(pack(plain.read_bytes()))
    np.testing.assert_array_equal(idx.read_images(str(tmp_path / name), 3, 9), idx.read_images(str(plain), 3, 9))


def test_any_bytes_raise_nothing_but_an_idx_error(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    """Mutations of real files, a fixed thousand of them; each is read or refused."""
    rng = np.random.default_rng(0)
    seeds = [(idx_folder(train=2, eval=2, suffix=s, name=f"s{s}") / f"{IMAGES}{s}").read_bytes() for s in ("", ".gz")]
    refused = 0
    for number in range(1000):
        content = bytearray(seeds[number % 2])
        for position in rng.integers(0, min(len(content), 40), 3):
            content[position] = rng.integers(256)
        del content[rng.integers(1, len(content) + 1) :]
        path = tmp_path / f"mutant{'.gz' if number % 4 > 1 else ''}"
        path.write_bytes(content)
        try:
            assert idx.read_images(str(path), 1, 10).nbytes <= 784
        except idx.IdxError:
            refused += 1
    assert refused > 500


def test_path_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(idx.IdxError) as refusal:
        idx.read_header(str(tmp_path / "two\nlines"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("path", ["nul\0byte", "x" * 300])
def test_impossible_path_is_refused(path: str) -> None:
    with pytest.raises(idx.IdxError, match="cannot be read"):
        idx.read_header(path)


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


def test_only_the_range_is_read(dataset: sources.VerifiedFiles) -> None:
    """The last ten images cost ten images, not the 47 MB before them."""
    before = bytes_read()
    assert idx.read_images(f"{dataset.path}/{IMAGES}", 59_990, 10).shape == (10, 28, 28)
    assert bytes_read() - before < 1_000_000
