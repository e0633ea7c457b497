"""Fixtures of the tests that run the whole pipeline."""

import pytest

from tests import small_run
from tests.flink import flink  # noqa: F401 - a fixture
from tests.prefork import Runs
from tfx_pipeline.data import sources


@pytest.fixture(scope="session")
def runs(dataset: sources.VerifiedFiles) -> Runs:
    """Starts runs that have their libraries loaded already."""
    return small_run.runs()
