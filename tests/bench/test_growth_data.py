"""Larger data for the growth benchmark: the real images again and again, each copy moved by another offset."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.growth_data import offsets, write_split
from tfx_pipeline.data import idx, sources


@pytest.fixture
def grown(idx_folder: Callable[..., Path], tmp_path: Path) -> tuple[sources.VerifiedFiles, sources.VerifiedFiles]:
    """A small data set, and three times as much of it."""
    folder = tmp_path / "grown"
    folder.mkdir()
    small = sources.resolve("idx", str(idx_folder(train=200, eval=50)), tmp_path / "cache", lambda _line: None)
    for split in sources.SPLIT_FILES:
        write_split(small, split, 3, folder)
    return small, sources.resolve("idx", str(folder), tmp_path / "cache", lambda _line: None)


def test_the_files_are_a_whole_data_set_of_so_many_times_the_size(
    grown: tuple[sources.VerifiedFiles, sources.VerifiedFiles],
) -> None:
    assert grown[1].counts == {"train": 600, "eval": 150}


def test_each_copy_is_the_images_moved_by_another_offset(
    grown: tuple[sources.VerifiedFiles, sources.VerifiedFiles],
) -> None:
    small, large = grown
    files = sources.SPLIT_FILES["eval"]
    images = idx.read_images(f"{small.path}/{files.images}", 0, 50)
    copies = idx.read_images(f"{large.path}/{files.images}", 0, 150).reshape(3, 50, 28, 28)
    for copy, offset in zip(copies, [(0, 0), (-1, 0), (0, -1)], strict=True):
        np.testing.assert_array_equal(copy, np.roll(images, offset, axis=(1, 2)))
    labels = idx.read_labels(f"{small.path}/{files.labels}", 0, 50)
    np.testing.assert_array_equal(idx.read_labels(f"{large.path}/{files.labels}", 0, 150), np.tile(labels, 3))


def test_no_two_offsets_leave_an_image_in_the_same_place() -> None:
    assert len({(row % 28, column % 28) for row, column in offsets()}) == len(offsets()) == 28 * 28
