"""The package that a user writes, made once for each granularity of pods, and its runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.conftest import COMPONENTS
from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.package import Package
from tests.small_run import runs
from tfx_pipeline.data.sources import VerifiedFiles

STAGES = {
    "data": ("example-gen", "schema-import", "statistics-gen", "example-validator", "data-gate", "transform"),
    "judgement": ("evaluator", "evaluation-review", "pusher"),
}
STAGE_OF = {member: stage for stage, members in STAGES.items() for member in members}
A_POD_EACH = pytest.mark.thorough("tfx_pipeline/kubeflow/", "tfx_pipeline/components/", "tfx_pipeline/pipeline.py")
"""The package with a pod for each component, which does what the one with a pod for each stage does."""

QUICK = ("--limit", "1000", "--epochs", "1", "--min-accuracy", "0.3", "--min-class-accuracy", "0")


@dataclass(frozen=True)
class Replay:
    """Two runs of a package on one cluster; in the first, a first pod is evicted."""

    backend: Backend
    models: Path
    first: Run
    second: Run
    package: Path

    def task(self, step: str) -> str:
        """The task that runs a component: its own, or that of its stage."""
        return step if step in self.first.states else STAGE_OF[step]


def failure(run: Run) -> str:
    """The states, and the end of the log of the task that failed."""
    logs = [run.logs[name][-1][-3000:] for name, state in run.states.items() if state == "failed"]
    return f"{run.states}\n{''.join(logs)}"


def metadata(replay: Replay, run: Run, task: str, key: str) -> dict[str, Any]:
    """The metadata of an output."""
    return artifact(replay, run, task, key)["metadata"]


def artifact(replay: Replay, run: Run, step: str, key: str) -> dict[str, Any]:
    """An output of a component."""
    return replay.backend.artifact(run, replay.task(step), key)


@pytest.fixture(scope="session")
def make_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a package with claims for data and models, on 1,000 real images a split and with thresholds to match.

    It has a pod for each component unless the flags say otherwise.
    """

    def make(*flags: str) -> Path:
        path = tmp_path_factory.mktemp("package") / "pipeline.yaml"
        claims = ("--data-pvc", "images", "--serving-pvc", "models", "--image", "registry.example/fashion-mnist:1.0")
        flags = (*COMPONENTS, *claims, *QUICK, *flags)
        process = runs().start_program("kubeflow_runner.py", "--output", str(path), *flags)
        assert process.wait() == 0, process.console
        return path

    return make


@pytest.fixture(scope="session")
def package_file(make_package: Callable[..., Path]) -> Path:
    """The package with a pod for each component."""
    return make_package()


@pytest.fixture(scope="session")
def stage_package_file(make_package: Callable[..., Path]) -> Path:
    """The package with a pod for each stage."""
    return make_package("--set", "kubeflow.pods=stage")


@pytest.fixture(scope="session")
def run_twice(tmp_path_factory: pytest.TempPathFactory, dataset: VerifiedFiles) -> Callable[[Path, str], Replay]:
    """Runs a package twice on a new cluster; in the first run, the first pod of a task is evicted."""

    def make(file: Path, evicted: str) -> Replay:
        directory = tmp_path_factory.mktemp("cluster")
        backend = Backend(directory, {"models": directory / "models", "images": Path(dataset.path)})
        package = Package(file)
        first = backend.run(package, evictions={evicted: [0.3]})
        assert set(first.states.values()) == {"succeeded"}, failure(first)
        return Replay(backend, backend.volume("models"), first, backend.run(package), file)

    return make


@pytest.fixture(scope="session")
def component_replay(run_twice: Callable[[Path, str], Replay], package_file: Path) -> Replay:
    """With a pod for each component."""
    return run_twice(package_file, "transform")


@pytest.fixture(scope="session")
def stage_replay(run_twice: Callable[[Path, str], Replay], stage_package_file: Path) -> Replay:
    """With a pod for each stage."""
    return run_twice(stage_package_file, "data")


@pytest.fixture(scope="session", params=["stage", pytest.param("component", marks=A_POD_EACH)])
def replay(request: pytest.FixtureRequest) -> Replay:
    """With a pod for each stage, and with one for each component."""
    replayed: Replay = request.getfixturevalue(f"{request.param}_replay")
    return replayed
