"""The sources, tried against real servers, package managers and files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.layout import SPLIT_FILES


def test_dataset_is_the_published_one(dataset: sources.Dataset) -> None:
    assert dataset.kind == "fashion-mnist"
    assert dataset.counts == {"train": 60_000, "eval": 10_000}
    assert Path(dataset.path).name == dataset.digest
    labels = idx.read_labels(f"{dataset.path}/{SPLIT_FILES['eval'].labels}", 0, 10_000)
    assert np.bincount(labels).tolist() == [1000] * 10


def test_same_data_from_another_folder_has_the_same_path(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    lines: list[str] = []
    resolved = [
        sources.resolve("idx", str(idx_folder(name=f"idx{suffix}", suffix=suffix)), tmp_path / "cache", lines.append)
        for suffix in ("", ".gz")
    ]
    assert resolved[0] == resolved[1]
    assert resolved[0].kind == "custom"
    assert resolved[0].counts == {"train": 200, "eval": 50}
    assert "(custom data), 200 train + 50 eval images, digest" in lines[0]
