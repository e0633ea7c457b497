"""The source TensorFlow Datasets, with its real builder and downloader against loopback servers."""

import gzip
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.data import servers
from tfx_pipeline.data import cache, published, sources, tfds, tfds_download
from tfx_pipeline.data.fetch import Fetch
from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.process.errors import UserError


@pytest.fixture
def builders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the module path of the downloading process."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "builders"))
    return tmp_path / "builders"


def fetchers(builder: str) -> Mapping[str, Fetch]:
    """The project's network sources, with another builder of TensorFlow Datasets."""
    return {**published.FETCHERS, "tfds": partial(tfds.fetch, builder=builder)}


def test_registered_files_are_the_four_of_the_real_builder() -> None:
    builder = published.FETCHERS["tfds"].keywords["builder"]
    urls = tfds_download.registered_urls(tfds_download.builder_class(builder))
    assert tuple(urls) == FILE_NAMES
    assert urls["train-labels-idx1-ubyte"].endswith("/train-labels-idx1-ubyte.gz")


def test_builder_without_the_files_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no registered URL of train-images-idx3-ubyte\.gz"):
        tfds_download.registered_urls(tfds_download.builder_class("emnist"))


def test_first_run_downloads_and_the_next_needs_no_network(
    published: Path, builders: Path, dataset: sources.VerifiedFiles, tmp_path: Path
) -> None:
    lines: list[str] = []
    with servers.file_server(published) as (url, answered):
        builder = servers.write_builder(builders, url, published)
        first = sources.resolve("tfds", None, tmp_path / "cache", lines.append, fetchers=fetchers(builder))
    assert set(answered) == {f"/{name}.gz" for name in FILE_NAMES}
    second = sources.resolve("auto", None, tmp_path / "cache", lines.append, fetchers=fetchers(builder))
    assert first == second
    assert (first.source, first.kind, first.digest) == ("tfds", "fashion-mnist", dataset.digest)
    assert lines[0].startswith(f"data: TensorFlow Datasets {builder}, 60,000 train + 10,000 eval images, digest ")
    assert lines[1] == lines[0].replace("data: ", "data: cached ")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        ".lock",
        first.digest,
        "fashion-mnist-tfds.json",
    ]


def test_damaged_copy_in_the_cache_is_fetched_again_saying_so(published: Path, builders: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    with servers.file_server(published) as (url, _):
        builder = servers.write_builder(builders, url, published)
        first = sources.resolve("tfds", None, tmp_path / "cache", lines.append, fetchers=fetchers(builder))
        with (Path(first.path) / FILE_NAMES[0]).open("r+b") as file:
            file.seek(30_000_000)
            file.write(b"\xff\x00\xff")
        second = sources.resolve("auto", None, tmp_path / "cache", lines.append, fetchers=fetchers(builder))
    assert first == second
    assert cache.verified(tmp_path / "cache", first.digest) is not None
    assert lines[1] == f"data: the cached copy {first.path} is damaged or gone, fetching it again"
    assert len(lines) == 3


def test_files_that_fail_the_registered_checksum_are_refused(published: Path, builders: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    shutil.copytree(published, served)
    with servers.file_server(served) as (url, _):
        builder = servers.write_builder(builders, url, published)
        (served / f"{FILE_NAMES[1]}.gz").write_bytes((published / f"{FILE_NAMES[3]}.gz").read_bytes())
        with pytest.raises(UserError, match=r"no data source answers \(tfds: .*has wrong checksum"):
            sources.resolve("tfds", None, tmp_path / "cache", print, fetchers=fetchers(builder))


def test_checked_files_of_another_data_set_are_refused(published: Path, builders: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    shutil.copytree(published, served)
    labels = served / f"{FILE_NAMES[1]}.gz"
    changed = bytearray(gzip.decompress(labels.read_bytes()))
    changed[100] = (changed[100] + 1) % 10
    labels.write_bytes(gzip.compress(bytes(changed), 1))
    with servers.file_server(served) as (url, _):
        builder = servers.write_builder(builders, url, served)
        with pytest.raises(UserError, match="is not Fashion-MNIST: train-labels-idx1-ubyte has SHA-256"):
            sources.resolve("tfds", None, tmp_path / "cache", print, fetchers=fetchers(builder))


def test_missing_file_on_the_server_is_said(published: Path, builders: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with servers.file_server(tmp_path / "empty") as (url, _):
        builder = servers.write_builder(builders, url, published)
        with pytest.raises(UserError, match=r"tfds: 127\.0\.0\.1:\d+ answered 404 File not found"):
            sources.resolve("tfds", None, tmp_path / "cache", print, fetchers=fetchers(builder))


def test_refused_connection_is_said_at_once(published: Path, builders: Path, tmp_path: Path) -> None:
    with servers.silent_server() as url:
        builder = servers.write_builder(builders, url, published)
    with pytest.raises(UserError, match=r"cannot be reached \(.*Connection refused\)"):
        sources.resolve("tfds", None, tmp_path / "cache", print, fetchers=fetchers(builder))


def test_slow_network_takes_the_time_it_needs(published: Path, builders: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with servers.file_server(published, pieces=40, seconds=2.5) as (url, _):
        builder = servers.write_builder(builders, url, published)
        start = time.monotonic()
        fetched = tfds.fetch(tmp_path / "work", 1.0, builder=builder)
    assert time.monotonic() - start > 2.5
    assert (Path(fetched.folder) / f"{FILE_NAMES[0]}.gz").stat().st_size > 10_000_000


def test_download_that_stalls_is_ended(
    published: Path, builders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfds, "STALL_SECONDS", 1.0)
    with servers.file_server(published, pieces=2, seconds=120) as (url, _):
        builder = servers.write_builder(builders, url, published)
        with pytest.raises(UserError, match="tfds: nothing arrived for 1 s"):
            sources.resolve("tfds", None, tmp_path / "cache", print, fetchers=fetchers(builder))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]
