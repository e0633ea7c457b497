"""Runs on Kubeflow, to be fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubeflow.api_server import api_server
from tests.kubeflow.client.cluster import RUN, Cluster, Fetch
from tests.kubeflow.conftest import Documents
from tfx_pipeline.kubeflow.client import artifacts
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.fetch import fetch
from tfx_pipeline.kubeflow.client.server import Server


@pytest.fixture
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine in UTC, without the way to an object store."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setitem(artifacts.object_store._S3_CONFIG, "retries", {"max_attempts": 1})


@pytest.fixture
def cluster(no_store: None, tmp_path: Path, package: Documents) -> Iterator[Cluster]:
    with api_server() as (host, state):
        yield Cluster(host, state, tmp_path / "objects", package.spec)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def bring(cluster: Cluster, output: Path) -> Fetch:
    """Fetches runs; returns the lines that a person sees."""

    def bring_them(*run_ids: str, host: str = "") -> list[str]:
        lines: list[str] = []
        fetch(Server(Connection(host or cluster.host)), run_ids or (RUN,), output, lines.append)
        return lines

    return bring_them
