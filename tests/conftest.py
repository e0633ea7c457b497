"""Fixtures that give every test the real data through the project's own sources."""

import gzip
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests import thorough
from tests.small_run import QUICK, Run, local_runner
from tests.webhook import Webhook, webhook
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.idx_files import SPLIT_FILES

# What tests write is thrown away, and may be the container's own.
for name in [name for name in os.environ if name.startswith("FASHION_MNIST_HOST_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what `make test-thorough` says."""
    parser.addoption("--since", metavar="COMMIT", default="", help="thorough tests of what changed since then alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the thorough tests that a change does not ask for."""
    thorough.deselect_unasked(config, items)


@dataclass
class Split:
    """Images (uint8 [n, 28, 28]) and labels (uint8 [n]) of one split, for a test to alter."""

    images: np.ndarray
    labels: np.ndarray


def write_idx(path: Path, values: np.ndarray) -> None:
    """Writes an array as an IDX file, labels where it has one dimension; gzip-compressed for a .gz name."""
    content = idx.header_of(values.shape) + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


@pytest.fixture(scope="session")
def dataset() -> sources.VerifiedFiles:
    """The real Fashion-MNIST, from whichever source answers, kept in the user's cache."""
    return sources.resolve("auto", None, sources.default_cache_dir(), logging.getLogger(__name__).info)


@pytest.fixture
def idx_folder(dataset: sources.VerifiedFiles, tmp_path: Path) -> Callable[..., Path]:
    """Makes a small IDX folder of real images.

    Call it as `idx_folder(train=200, eval=50, alter=None, suffix="", name="idx")`: the first `train` and `eval` real
    examples, passed as a dict of `Split` by split name through `alter`, which changes them in place; `suffix=".gz"`
    compresses the files. Returns the folder.
    """

    def make(
        train: int = 200,
        eval: int = 50,  # noqa: A002
        alter: Callable[[dict[str, Split]], object] | None = None,
        suffix: str = "",
        name: str = "idx",
    ) -> Path:
        splits = {
            split: Split(
                idx.read_images(f"{dataset.path}/{SPLIT_FILES[split].images}", 0, count),
                idx.read_labels(f"{dataset.path}/{SPLIT_FILES[split].labels}", 0, count),
            )
            for split, count in {"train": train, "eval": eval}.items()
        }
        if alter:
            alter(splits)
        folder = tmp_path / name
        folder.mkdir()
        for split, content in splits.items():
            write_idx(folder / f"{SPLIT_FILES[split].images}{suffix}", content.images)
            write_idx(folder / f"{SPLIT_FILES[split].labels}{suffix}", content.labels)
        return folder

    return make


@pytest.fixture(scope="session")
def first_run(dataset: sources.VerifiedFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first run in its output directory: two epochs on the first 1,000 images of each split."""
    return local_runner(tmp_path_factory.mktemp("first") / "output", *QUICK)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """A webhook on loopback, which is reached without a proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with webhook() as running:
        yield running
