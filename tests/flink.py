"""A Flink session cluster for the tests of one worker: ``from tests.flink import flink`` makes the fixture known."""

import shutil
from collections.abc import Iterator

import pytest

from tools.flink_cluster import Cluster, session_cluster


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two TaskManagers with a slot each; a test that harms it makes its own by ``session_cluster``."""
    if shutil.which("java") is None:
        pytest.skip("Flink needs Java, which is not here")
    with session_cluster(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster
