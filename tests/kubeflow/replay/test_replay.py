"""The package runs to a pushed model from nothing but its file, the image's environment and an object store."""

import json
from pathlib import Path

import pytest

from modules.dataset import DATASET
from tests.kubeflow.api_server import api_server
from tests.kubeflow.page import Page
from tests.kubeflow.recorded import recorded
from tests.kubeflow.replay.conftest import A_POD_EACH, Replay, artifact, failure, metadata
from tests.kubeflow.replay.package import Package
from tests.kubeflow.replay.pod import has_namespaces
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.fetch import fetch
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.review.report_pages import read_runs
from tfx_pipeline.serving.directory import ServingDirectory

pytestmark = pytest.mark.e2e

LOOKS_OUTSIDE = {"baseline-locator"}
DEPENDS_ON_THE_BASELINE = {"evaluator", "evaluation-review", "pusher"}


def test_first_run_pushes_a_model_to_the_claim(replay: Replay) -> None:
    pushed = metadata(replay, replay.first, "pusher", "pushed_model")
    version = int(pushed["pushed_version"])
    assert ServingDirectory(replay.models).versions() == [version]
    mount = "/serving" if has_namespaces() else replay.models
    assert pushed["pushed_destination"] == f"{mount}/{version}"


def test_first_run_has_no_baseline_and_says_so(replay: Replay) -> None:
    baseline = artifact(replay, replay.first, "baseline-locator", "baseline")
    assert "there is no baseline" in replay.backend.store.path(baseline["uri"]).read_text()
    assert "there is no baseline" in replay.first.logs["baseline-locator"][0]
    assert "baseline_model" not in metadata(replay, replay.first, "evaluator", "blessing")


def test_blessing_reaches_the_object_store_and_the_pusher(replay: Replay) -> None:
    assert replay.backend.files(replay.first, replay.task("evaluator"), "blessing") == {"BLESSED"}
    if replay.task("pusher") == "pusher":
        blessing = replay.first.inputs["pusher"]["inputs"]["artifacts"]["model_blessing"]["artifacts"][0]
        assert blessing["metadata"]["blessed"] == 1.0


def test_examples_arrive_with_their_splits_and_their_origin(replay: Replay, dataset: VerifiedFiles) -> None:
    files = replay.backend.files(replay.first, replay.task("example-gen"), "examples")
    beside = {"origins-train.jsonl", "origins-eval.jsonl"}
    assert {file.split("/")[0] for file in files} == {"Split-train", "Split-eval", *beside}
    properties = metadata(replay, replay.first, "example-gen", "examples")
    assert json.loads(properties["split_names"]) == ["train", "eval"]
    assert properties["data_digest"] == dataset.digest
    assert properties["train_examples"] == 1000


def test_reports_are_what_the_kubeflow_page_reads(replay: Replay) -> None:
    report = artifact(replay, replay.first, "evaluation-review", "report")
    assert replay.backend.store.path(report["uri"]).read_text().lstrip().lower().startswith("<!doctype html>")
    metrics = metadata(replay, replay.first, "evaluation-review", "metrics")
    rows = metrics.keys() - {"display_name", "store_session_info", "worst_class"}
    assert min(rows) == "accuracy"
    assert len(rows) < 10
    assert all(isinstance(metrics[row], float) for row in rows)
    assert metrics["worst_class"] in DATASET.class_names
    matrix = metadata(replay, replay.first, "evaluation-review", "classification_metrics")["confusionMatrix"]["struct"]
    assert len(matrix["rows"]) == len(matrix["annotationSpecs"]) == 10


def test_every_artifact_has_an_object_for_the_page_to_show(replay: Replay) -> None:
    for run in (replay.first, replay.second):
        artifacts = {
            (task, key): artifact(replay, run, task, key) for task, keys in run.outputs.items() for key in keys
        }
        paths = {name: replay.backend.store.path(artifact["uri"]) for name, artifact in artifacts.items()}
        assert not [n for n, p in paths.items() if not (p.is_file() or any(f.is_file() for f in p.rglob("*")))]


def test_the_page_finds_the_events_for_its_button(replay: Replay) -> None:
    button = artifact(replay, replay.first, "evaluation-review", "mlpipeline-ui-metadata")
    (viewer,) = json.loads(replay.backend.store.path(button["uri"]).read_text())["outputs"]
    events = artifact(replay, replay.first, "evaluation-review", "tensorboard")
    assert (viewer["type"], viewer["source"]) == ("tensorboard", events["uri"])
    assert viewer["pod_template_spec"]["spec"]["containers"][0]["command"][-1] == "tfx_pipeline.kubeflow.tensorboard"


@A_POD_EACH
def test_the_log_of_a_step_is_short_and_ends_with_the_steps_own_lines(component_replay: Replay) -> None:
    logs = {step: attempts[-1].splitlines() for step, attempts in component_replay.first.logs.items()}
    checks = [line for line in logs["data-gate"] if " passed: " in line]
    assert checks
    assert {step: len(lines) for step, lines in logs.items() if len(lines) > 20} == {
        "data-gate": len(logs["data-gate"])
    }
    assert len(logs["data-gate"]) - len(checks) < 20
    last = {step: logs[step][-1].partition(" ")[2] for step in ("example-gen", "data-gate", "trainer", "pusher")}
    assert last["example-gen"] == "eval: 1000 examples"
    assert last["data-gate"] == f"{len(checks)} of {len(checks)} checks passed"
    assert last["trainer"] == "exported dense"
    assert last["pusher"].startswith("pushed ")


def test_no_artifact_names_a_path_of_a_pod(replay: Replay) -> None:
    for run in (replay.first, replay.second):
        for task, keys in run.outputs.items():
            for key in keys:
                artifact = replay.backend.artifact(run, task, key)
                assert artifact["uri"].startswith("minio://")
                assert "/minio/" not in json.dumps(artifact["metadata"])


@A_POD_EACH
def test_evicted_step_is_retried_and_the_run_succeeds(component_replay: Replay) -> None:
    assert len(component_replay.first.logs["transform"]) == 2
    assert component_replay.first.states["transform"] == "succeeded"
    assert component_replay.first.states["trainer"] == "succeeded"


@A_POD_EACH
def test_second_run_computes_only_what_depends_on_the_baseline(component_replay: Replay) -> None:
    again = {task for task, state in component_replay.second.states.items() if state == "succeeded"}
    assert again == LOOKS_OUTSIDE | DEPENDS_ON_THE_BASELINE, failure(component_replay.second)
    assert set(component_replay.second.states.values()) == {"succeeded", "cached"}


def test_second_run_compares_with_the_pushed_model(replay: Replay) -> None:
    (version,) = ServingDirectory(replay.models).versions()
    baseline = artifact(replay, replay.second, "baseline-locator", "baseline")
    assert baseline["metadata"]["version"] == version
    blessing = metadata(replay, replay.second, "evaluator", "blessing")
    assert blessing["baseline_model"] == baseline["uri"]
    assert blessing["current_model"] == artifact(replay, replay.second, "trainer", "model")["uri"]


def test_failing_step_ends_the_run_with_one_line_that_names_the_cause(replay: Replay) -> None:
    package = Package(replay.package)
    run = replay.backend.run(package, {"serving_dir": "ftp://host/models"})
    assert run.states["baseline-locator"] == "failed"
    assert run.states[replay.task("transform")] == "cached"
    # Nothing is trained that could not be compared.
    assert {run.states[replay.task(step)] for step in ("trainer", "evaluator", "pusher")} == {"not run"}
    assert len(run.logs["baseline-locator"]) == 1
    last = run.logs["baseline-locator"][-1].rstrip().split("\n")[-1]
    assert last.startswith("error: ftp://host/models: ")


def test_the_reviews_of_both_runs_come_home(replay: Replay, tmp_path: Path) -> None:
    ids = {run.root.rpartition("/")[2]: run for run in (replay.first, replay.second)}
    with api_server() as (host, state):
        state.page = Page(replay.backend.metadata, replay.backend.store)
        for run_id in ids:
            state.ended[run_id] = {**recorded("full"), "pipeline_spec": {"pipeline_spec": Package(replay.package).spec}}
        fetch(Server(Connection(host)), list(ids), tmp_path, lambda _: None)
    names = {path.name: json.loads((path / "run.json").read_text()) for path in (tmp_path / "runs").iterdir()}
    assert {manifest["kubeflow"]["run_id"] for manifest in names.values()} == set(ids)
    digests = read_runs(tmp_path / "report")
    for name, manifest in names.items():
        run = ids[manifest["kubeflow"]["run_id"]]
        metrics = metadata(replay, run, "evaluation-review", "metrics")
        assert manifest["metrics"]["accuracy"] == digests[name]["overall"]["accuracy"]
        assert manifest["metrics"]["accuracy"] == pytest.approx(metrics["accuracy"])
        assert manifest["data"]["counts"] == {"train": 1000, "eval": 1000}
        assert manifest["data_gate"]["ok"]
        assert manifest["config"]["training"]["epochs"] == 1
        events = {
            folder: list((tmp_path / "tensorboard" / name / folder).glob("*tfevents*")) for folder in (".", "train")
        }
        assert all(events.values())
    first = next(iter(ids))
    pushed = [manifest["pushed"] for manifest in names.values() if manifest["kubeflow"]["run_id"] == first]
    assert pushed == [metadata(replay, replay.first, "pusher", "pushed_model")["pushed_destination"]]


def test_step_that_fails_is_tried_again_by_the_server_of_2_16(replay: Replay) -> None:
    package = Package(replay.package)
    replay.backend.version = "2.16"
    run = replay.backend.run(package, {"serving_dir": "ftp://host/models"})
    replay.backend.version = "2.17"
    retries = package.tasks["baseline-locator"]["retryPolicy"]["maxRetryCount"]
    assert len(run.logs["baseline-locator"]) == retries + 1
