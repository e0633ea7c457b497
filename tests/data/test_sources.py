"""The sources, tried against real servers, package managers and files."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES
from tfx_pipeline.process.errors import UserError


def test_dataset_is_the_published_one(dataset: sources.VerifiedFiles) -> None:
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


def test_path_does_not_depend_on_the_working_directory(
    idx_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx_folder()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    resolved = sources.resolve("auto", "~/idx", Path("cache"), print)
    assert (resolved.source, resolved.path) == ("idx", str(tmp_path / "cache" / resolved.digest))


def test_published_data_from_a_folder_is_known_as_such(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    lines: list[str] = []
    resolved = sources.resolve("auto", dataset.path, tmp_path, lines.append)
    assert (resolved.source, resolved.kind, resolved.digest) == ("idx", "fashion-mnist", dataset.digest)
    assert "custom" not in lines[0]


@pytest.mark.parametrize("source", ["tfds", "debian"])
def test_folder_with_a_network_source_is_refused(source: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"--data-dir /data does not go with the data source {source}; use auto"):
        sources.resolve(source, "/data", tmp_path, print)


def test_idx_without_a_folder_is_refused(tmp_path: Path) -> None:
    expected = r"^the data source idx needs a folder of images; name .* --data-dir, .* --data-pvc$"
    with pytest.raises(UserError, match=expected):
        sources.resolve("idx", None, tmp_path, print)


def test_a_form_that_the_folder_has_not_is_refused(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder()
    expected = f"the data source npz is not that of IDX files in {folder}; use idx or auto"
    with pytest.raises(UserError, match=expected):
        sources.resolve("npz", str(folder), tmp_path / "cache", print)


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="the data source 'web' is unknown; use one of auto, tfds, debian, idx, npz, csv, class_folders, parquet",
    ):
        sources.resolve("web", None, tmp_path, print)


def test_default_cache_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert sources.default_cache_dir() == Path("/somewhere/tfx-fashion-mnist")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert sources.default_cache_dir() == Path("/home/someone/.cache/tfx-fashion-mnist")


def test_importing_the_sources_is_cheap() -> None:
    heavy = {"tensorflow", "tensorflow_datasets", "apache_beam", "numpy", "requests"}
    code = "import sys, tfx_pipeline.data.sources, tfx_pipeline.data.idx; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not heavy & set(printed.split())


def test_a_published_data_set_is_two_lines_in_its_module(tmp_path: Path) -> None:
    """TensorFlow Datasets registers the same four names for Kuzushiji-MNIST, whose note is not Fashion-MNIST's."""
    code = (
        "from modules import dataset, features\nimport dataclasses\n"
        "dataset.DATASET = dataclasses.replace(dataset.DATASET, name='kmnist', tfds='kmnist', debian=None, sha256={})\n"
        "from tfx_pipeline.data import published, sources, tfds_download\n"
        "builder = published.FETCHERS['tfds'].keywords['builder']\n"
        "print(*published.FETCHERS, *tfds_download.registered_urls(tfds_download.builder_class(builder)).values())\n"
        "print(sources._note('tfds'))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names, note = done.stdout.splitlines()
    assert names.startswith("tfds http")
    assert names.count("/dataset/kmnist/") == 4
    assert note == "kmnist-tfds"
