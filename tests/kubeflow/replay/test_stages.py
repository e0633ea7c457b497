"""The package with a pod for each stage makes what it makes with a pod for each component, and fails as well."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Split
from tests.flink import flink  # noqa: F401 - a fixture
from tests.kubeflow.replay.backend import Backend
from tests.kubeflow.replay.conftest import A_POD_EACH, STAGE_OF, STAGES, Replay, failure, metadata
from tests.kubeflow.replay.package import Package
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.record.seal import PROPERTY
from tfx_pipeline.serving.directory import ServingDirectory
from tools.flink_cluster import Cluster

pytestmark = pytest.mark.e2e

JOBS = 4
"""One for each step that uses Beam but transform, which has nothing to analyse."""
OF_THE_RUN = {"current_model_id", PROPERTY}
"""The seal holds times, which every step checks before it reads, and names of event files after their processes."""


def comparable(value: Any) -> Any:
    """A property without what names the run: its URIs, versions and times."""
    return re.sub(r"minio://[^\"]*/|\d{10}(\.\d+)?", "", json.dumps(value, sort_keys=True))


def artifacts(replay: Replay) -> dict[tuple[str, str], tuple[dict[str, Any], list[str]]]:
    """Properties and files of every artifact of the first run, by stage and key."""
    found = {}
    for task, outputs in replay.first.outputs.items():
        for key in outputs.keys() - {"executor-logs"}:
            properties = metadata(replay, replay.first, task, key)
            known = {name: comparable(value) for name, value in properties.items() if name not in OF_THE_RUN}
            files = sorted(re.sub(r"\d{10}.*", "", name) for name in replay.backend.files(replay.first, task, key))
            found[STAGE_OF.get(task, task), key] = known, files
    return found


@A_POD_EACH
def test_artifacts_properties_metrics_and_verdict_are_those_of_a_pod_each(
    component_replay: Replay, stage_replay: Replay
) -> None:
    assert set(stage_replay.first.states) == {*STAGES, "baseline-locator", "trainer"}
    expected, made = artifacts(component_replay), artifacts(stage_replay)
    assert made.keys() == expected.keys()
    for name, described in expected.items():
        assert made[name] == described, name
    assert float(made["judgement", "metrics"][0]["accuracy"]) > 0.3
    assert made["judgement", "blessing"][1] == ["BLESSED"]


def test_a_lost_pod_of_the_stage_with_the_gate_is_replaced(stage_replay: Replay) -> None:
    assert len(stage_replay.first.logs["data"]) == 2
    assert stage_replay.first.states["data"] == "succeeded"


def test_a_second_run_computes_only_what_depends_on_the_baseline(stage_replay: Replay) -> None:
    run = stage_replay.second
    assert {task for task, state in run.states.items() if state == "succeeded"} == {"baseline-locator", "judgement"}
    assert {task for task, state in run.states.items() if state == "cached"} == {"data", "trainer"}, failure(run)
    (version,) = ServingDirectory(stage_replay.models).versions()
    baseline = stage_replay.backend.artifact(run, "baseline-locator", "baseline")
    assert baseline["metadata"]["version"] == version
    assert metadata(stage_replay, run, "judgement", "blessing")["baseline_model"] == baseline["uri"]
    assert run.logs["judgement"][-1].rstrip().endswith(f"this model is version {version} already")


def test_the_log_of_a_stage_says_which_member_speaks(stage_replay: Replay) -> None:
    for stage in ("data", "judgement"):
        lines = stage_replay.first.logs[stage][-1].splitlines()
        begins = [line.split()[1] for line in lines if line.endswith(" begins")]
        assert begins == list(STAGES[stage])
        assert len([line for line in lines if " passed: " not in line]) < 40


def in_one_shard(found: dict[tuple[str, str], tuple[dict[str, Any], list[str]]]) -> dict[tuple[str, str], Any]:
    """Properties and files, where the runner's choice of how many files Beam writes for one does not count."""
    return {
        name: (properties, sorted({re.sub(r"-\d{5}-of-\d{5}(?=.tfrecord)", "", file) for file in files}))
        for name, (properties, files) in found.items()
    }


@pytest.fixture(scope="module")
def flink_replay(
    flink: Cluster,  # noqa: F811 - the fixture
    make_package: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    dataset: VerifiedFiles,
) -> tuple[Replay, list[dict[str, Any]], Path]:
    """A run with Beam's steps on a Flink cluster; its jobs, and the claim that workers and steps share."""
    directory, claim = tmp_path_factory.mktemp("cluster"), tmp_path_factory.mktemp("claim")
    place = ("--beam-pvc", "shared", "--set", f"kubeflow.beam_mount={claim}")
    package = Package(make_package("--set", "kubeflow.pods=stage", *place, *flink.flags))
    backend = Backend(directory, {"models": directory / "models", "images": Path(dataset.path), "shared": claim})
    before = [job["jid"] for job in flink.ask("/jobs/overview")["jobs"]]
    run = backend.run(package)
    jobs = [job for job in flink.ask("/jobs/overview")["jobs"] if job["jid"] not in before]
    return Replay(backend, backend.volume("models"), run, run, Path()), jobs, claim


@pytest.mark.thorough(
    "tfx_pipeline/kubeflow/", "tfx_pipeline/beam/", "tfx_pipeline/config/beam.py", "tools/flink_cluster.py"
)
def test_artifacts_metrics_and_verdict_are_the_same_with_beam_on_a_flink_cluster(
    flink_replay: tuple[Replay, list[dict[str, Any]], Path], stage_replay: Replay
) -> None:
    replay, jobs, claim = flink_replay
    assert set(replay.first.states.values()) == {"succeeded"}, failure(replay.first)
    expected, made = in_one_shard(artifacts(stage_replay)), in_one_shard(artifacts(replay))
    assert made.keys() == expected.keys()
    for name, described in expected.items():
        assert made[name] == described, name
    assert made["judgement", "blessing"][1] == ["BLESSED"]
    assert [job["state"] for job in jobs] == ["FINISHED"] * JOBS
    assert list(claim.iterdir()) == []


def test_a_member_that_fails_ends_the_run_and_is_named(stage_replay: Replay, stage_package_file: Path) -> None:
    run = stage_replay.backend.run(Package(stage_package_file), {"min_accuracy": 7.0})
    assert run.states["judgement"] == "failed"
    (log,) = run.logs["judgement"]
    last = log.rstrip().split("\n")[-1]
    assert last.startswith("error: evaluator: ")
    assert "min_accuracy" in last
    assert "begins" not in log.partition("evaluator begins")[2]


@pytest.mark.parametrize("version", ["2.16", "2.17"])
def test_the_gates_verdict_stops_before_training_and_is_never_repeated(
    version: str, stage_package_file: Path, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    def spoil(splits: dict[str, Split]) -> None:
        splits["train"].labels[17] = 11

    volumes = {"models": tmp_path / "models", "images": idx_folder(alter=spoil)}
    backend = Backend(tmp_path / "cluster", volumes, version=version)
    run = backend.run(Package(stage_package_file))
    assert run.states == {
        "data": "failed", "baseline-locator": "succeeded", "trainer": "not run", "judgement": "not run",
    }  # fmt: skip
    (log,) = run.logs["data"]
    lines = log.rstrip().split("\n")
    assert lines[-1].startswith("error: data-gate: ")
    assert "label" in lines[-1]
    assert [line.split()[1] for line in lines if line.endswith(" begins")] == list(STAGES["data"][:-1])
