"""Fixtures of the tests that run the whole pipeline."""

from collections.abc import Iterator

import pytest

from tests.flink import flink  # noqa: F401 - a fixture
from tests.prefork import Runs, prefork
from tfx_pipeline.data import sources


@pytest.fixture(scope="session")
def runs(dataset: sources.VerifiedFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Starts runs that have their libraries loaded already."""
    with prefork(tmp_path_factory.mktemp("prefork")) as started:
        yield started
