"""Fixtures for the network sources: the real files compressed again, as publishers have them."""

import gzip
from pathlib import Path

import pytest

from tests.object_stores import endpoint, gcs, s3  # noqa: F401 - fixtures
from tfx_pipeline.data import sources


@pytest.fixture(scope="session")
def published(dataset: sources.VerifiedFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four real files as .gz."""
    folder = tmp_path_factory.mktemp("published")
    for path in Path(dataset.path).glob("*ubyte"):
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    return folder


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback servers are reached directly, whatever proxies the machine has."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
