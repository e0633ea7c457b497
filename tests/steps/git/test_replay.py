"""The whole package trains with the code of a repository, and trains anew when its branch moves."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.conftest import A_POD_EACH, failure
from tests.kubeflow.replay.package import Package
from tests.steps.git import servers
from tests.steps.git.servers import SshServer
from tests.steps.git.test_imports import project_modules
from tfx_pipeline.config.flags import load
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.kubeflow.package.compile import write_package

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Replay:
    """Two runs of one package; between them, the branch moves by a commit that changes the trainer.

    Attributes:
        steps: The steps in which the user's code runs, and those in which it does not.
    """

    backend: Backend
    commits: tuple[str, str]
    runs: tuple[Run, Run]
    steps: tuple[set[str], set[str]]


STEPS = {
    "component": (
        {"source-checkout", "transform", "trainer", "evaluator", "evaluation-review"},
        {"example-gen", "statistics-gen", "data-gate"},
    ),
    "stage": ({"source-checkout", "transform", "trainer", "judgement"}, {"data"}),
}


@pytest.fixture(scope="module", params=["stage", pytest.param("component", marks=A_POD_EACH)])
def replay(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    dataset: VerifiedFiles,
    ssh: SshServer,
) -> Replay:
    directory = tmp_path_factory.mktemp("cluster")
    volumes = {"models": directory / "models", "images": Path(dataset.path)}
    secret = {"ssh-privatekey": ssh.client_key.read_text(), "known_hosts": ssh.known_hosts}
    backend = Backend(directory, volumes, {"ssh-key-secret": secret})
    repository = servers.make_repository(tmp_path_factory.mktemp("repository"))
    package = package_for(directory / "pipeline.yaml", ssh.url(repository), request.param)
    first = repository.commit(edition(1), "First edition")
    runs = [backend.run(package)]
    second = repository.commit(edition(2), "Second edition")
    runs.append(backend.run(package))
    return Replay(backend, (first, second), (runs[0], runs[1]), STEPS[request.param])


def package_for(path: Path, url: str, pods: str) -> Package:
    """Writes a package whose code comes from a repository's branch, with little data and no thresholds."""
    flags = {
        "kubeflow.pods": pods,
        "kubeflow.repo_url": url,
        "kubeflow.repo_ref": "main",
        "kubeflow.data_pvc": "images",
        "kubeflow.serving_pvc": "models",
        "data.limit": "200",
        "training.epochs": "1",
        "evaluation.min_accuracy": "0",
        "evaluation.min_class_accuracy": "0",
    }
    write_package(load(flags), path)
    return Package(path)


def edition(number: int) -> dict[str, str | None]:
    """The project's `modules`, with a trainer that says which edition it is."""
    files = project_modules()
    trainer = files["modules/trainer.py"]
    assert "exported %s" in trainer
    return {**files, "modules/trainer.py": trainer.replace("exported %s", f"edition {number} exported %s")}


def test_both_runs_end_with_a_pushed_model(replay: Replay) -> None:
    for run in replay.runs:
        assert set(run.states.values()) <= {"succeeded", "cached"}, failure(run)


def test_trainer_runs_the_code_of_the_repository(replay: Replay) -> None:
    assert "edition 1 exported" in replay.runs[0].logs["trainer"][0]


def test_checkout_records_the_commit(replay: Replay) -> None:
    for run, commit in zip(replay.runs, replay.commits, strict=True):
        metadata = replay.backend.artifact(run, "source-checkout", "source")["metadata"]
        assert (metadata["commit"], metadata["ref"]) == (commit, "main")


def test_moved_branch_trains_anew_with_the_new_code(replay: Replay) -> None:
    second = replay.runs[1]
    assert {name for name in replay.steps[0] if second.states[name] != "succeeded"} == set()
    assert "edition 2 exported" in second.logs["trainer"][0]


def test_moved_branch_does_not_read_the_data_again(replay: Replay) -> None:
    states = replay.runs[1].states
    assert {states[name] for name in replay.steps[1]} == {"cached"}


def test_key_is_in_no_log_and_no_artifact(replay: Replay, ssh: SshServer) -> None:
    secret = ssh.client_key.read_text().splitlines()[1]
    for run in replay.runs:
        assert not any(secret in log for logs in run.logs.values() for log in logs)
    stored = [path for path in replay.backend.store.path("minio://").rglob("*") if path.is_file()]
    assert stored
    assert not any(secret.encode() in path.read_bytes() for path in stored)
