"""The package with Beam's steps in workers that see the shared claim and nothing of a pod."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Split
from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.conftest import failure
from tests.kubeflow.replay.package import Package
from tests.remote_beam import RemoteBeam, remote_beam

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def beam() -> Iterator[RemoteBeam]:
    """Beam's own job server, with workers outside of the pods."""
    with remote_beam() as running:
        yield running


@pytest.fixture
def start(
    beam: RemoteBeam, make_package: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Run, Path]]:
    """Runs the package with a pod for each stage; returns the run and the claim's directory."""

    def run(images: Path, mount: str = "") -> tuple[Run, Path]:
        directory, claim = tmp_path_factory.mktemp("cluster"), tmp_path_factory.mktemp("claim")
        options = [word for option in beam.options for word in ("--set", f"run.beam_args={option}")]
        place = ("--beam-pvc", "shared", "--set", f"kubeflow.beam_mount={mount or claim}")
        file = make_package("--set", "kubeflow.pods=stage", *place, *options)
        backend = Backend(directory, {"models": directory / "models", "images": images, "shared": claim})
        return backend.run(Package(file)), claim

    return run


@pytest.mark.thorough("tfx_pipeline/kubeflow/", "tfx_pipeline/beam/")
def test_the_gates_verdict_on_what_workers_saw_leaves_nothing_on_the_claim(
    start: Callable[..., tuple[Run, Path]], idx_folder: Callable[..., Path]
) -> None:
    def spoil(splits: dict[str, Split]) -> None:
        splits["train"].labels[17] = 11

    run, claim = start(idx_folder(alter=spoil))
    (log,) = run.logs["data"]
    last = log.rstrip().split("\n")[-1]
    assert last.startswith("error: data-gate: "), failure(run)
    assert "label" in last
    assert list(claim.iterdir()) == []


def test_workers_without_the_claim_are_one_line_and_leave_nothing(
    start: Callable[..., tuple[Run, Path]], idx_folder: Callable[..., Path]
) -> None:
    run, claim = start(idx_folder(), "/not-in-the-workers")
    last = run.logs["data"][-1].rstrip().split("\n")[-1]
    told = "error: example-gen: /not-in-the-workers: Beam's workers do not see what this step has there; "
    assert last.startswith(told), failure(run)
    assert list(claim.iterdir()) == []
