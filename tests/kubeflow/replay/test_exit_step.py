"""Whatever became of a run, its webhook is told: with a package as it is written, its pods and a server on loopback."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.package import Package
from tests.webhook import Webhook, webhook
from tfx_pipeline.data.sources import VerifiedFiles

pytestmark = pytest.mark.e2e

FLAGS = ("--set", "kubeflow.pods=stage", "--set", "kubeflow.pvc_mounts=/inverted=inverted")


@dataclass(frozen=True)
class Cluster:
    """A cluster whose Secret `hook` has the webhook's address."""

    backend: Backend
    package: Package
    hook: Webhook

    def run(self, *args: Any, **kwargs: Any) -> tuple[Run, dict[str, Any]]:
        """Runs the package; returns the run and what was posted at its end."""
        before = len(self.hook.posted)
        run = self.backend.run(self.package, *args, **kwargs)
        assert run.states["notifier"] == "succeeded", run.logs["notifier"]
        assert all("T0SECRET" not in log for logs in run.logs.values() for log in logs)
        (posted,) = self.hook.posted[before:]
        assert posted["run"] == run.root.rpartition("/")[2]
        assert posted["link"].endswith(f"/#/runs/details/{posted['run']}")
        return run, {key: posted[key] for key in ("state", "failed_step", "verdict", "accuracy")}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, make_package: Any, dataset: VerifiedFiles) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    volumes = {
        "models": directory / "models",
        "images": Path(dataset.path),
        "inverted": inverted(Path(dataset.path), directory / "inverted"),
    }
    with webhook() as hook:
        secrets = {"hook": {"url": hook.url, "page": "https://kubeflow.example.org"}}
        package = Package(make_package("--notify-secret", "hook", *FLAGS))
        yield Cluster(Backend(directory, volumes, secrets), package, hook)


def inverted(images: Path, folder: Path) -> Path:
    """Copies IDX files, white for black."""
    folder.mkdir()
    for file in images.iterdir():
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        if "images" in file.name:
            content = content[:16] + bytes(255 - pixel for pixel in content[16:])
        (folder / file.name.removesuffix(".gz")).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> tuple[Run, dict[str, Any]]:
    """A run that succeeds; the later ones take from it what is cached."""
    return cluster.run()


def test_a_run_that_succeeded_is_told_with_its_accuracy(cluster: Cluster, first: tuple[Run, dict[str, Any]]) -> None:
    run, posted = first
    assert set(run.states.values()) == {"succeeded"}, run.states
    accuracy = cluster.backend.artifact(run, "judgement", "metrics")["metadata"]["accuracy"]
    assert posted == {"state": "succeeded", "failed_step": None, "verdict": "blessed", "accuracy": accuracy}


@pytest.mark.usefixtures("first")
def test_a_refused_model_is_told(cluster: Cluster) -> None:
    run, posted = cluster.run({"min_accuracy": 0.999})
    assert run.states["trainer"] == "cached"
    assert (posted["state"], posted["verdict"]) == ("succeeded", "refused")
    assert 0 < posted["accuracy"] < 0.999


@pytest.mark.usefixtures("first")
def test_a_stop_of_the_data_gate_is_told(cluster: Cluster) -> None:
    run, posted = cluster.run({"data_dir": "/inverted"})
    assert run.states["data"] == "failed"
    assert posted == {"state": "failed", "failed_step": "data", "verdict": None, "accuracy": None}


@pytest.mark.usefixtures("first")
def test_a_step_that_fails_is_told(cluster: Cluster) -> None:
    _, posted = cluster.run({"serving_dir": "ftp://host/models"})
    assert posted == {"state": "failed", "failed_step": "baseline-locator", "verdict": None, "accuracy": None}


@pytest.mark.usefixtures("first")
def test_a_step_whose_pods_are_lost_is_told(cluster: Cluster) -> None:
    run, posted = cluster.run(evictions={"baseline-locator": [0.01] * 9})
    assert len(run.logs["baseline-locator"]) == 3
    assert posted == {"state": "failed", "failed_step": "baseline-locator", "verdict": None, "accuracy": None}


@pytest.mark.usefixtures("first")
def test_a_webhook_that_fails_fails_no_run(cluster: Cluster) -> None:
    cluster.hook.status = 500
    run, posted = cluster.run()
    cluster.hook.status = 200
    assert posted["state"] == "succeeded"
    assert "not sent, the webhook answered 500" in run.logs["notifier"][0]


def test_without_the_secret_the_run_ends_as_it_would(
    cluster: Cluster, first: tuple[Run, dict[str, Any]], tmp_path: Path
) -> None:
    backend = Backend(
        tmp_path / "cluster", {name: cluster.backend.volume(name) for name in ("models", "images", "inverted")}
    )
    run = backend.run(cluster.package, {"serving_dir": "ftp://host/models", "data_dir": "/inverted"})
    assert run.states["notifier"] == "succeeded"
    assert "the Secret hook has no key url" in run.logs["notifier"][0]
