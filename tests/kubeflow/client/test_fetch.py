"""Reviews of runs on Kubeflow come home, whole or not at all; what a real server answered of the runs is recorded."""

import json
from pathlib import Path

import pytest

from tests.kubeflow.client.cluster import DIGEST, EVENTS, NAME, OTHER, REPORT, RUN, WHOLE, Cluster, Fetch, left, sealed
from tests.kubeflow.conftest import Documents
from tests.kubeflow.recorded import recorded
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output_lock import exclusive
from tfx_pipeline.review.report_pages import read_runs


def test_report_events_and_manifest_come_beside_those_of_local_runs(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    lines = bring()
    assert lines[:3] == [
        f"{NAME}: succeeded",
        f"{NAME}: report, 0.0 MB",
        f"{NAME}: TensorBoard events, 2 files, 0.0 MB",
    ]
    assert lines[-1] == (f"see {output}/report/compare.html, and tools/env tensorboard --logdir {output}/tensorboard")
    assert left(output) == WHOLE
    assert (output / "tensorboard" / NAME / EVENTS[1]).read_text() == EVENTS[1]
    assert read_runs(output / "report") == {NAME: DIGEST}


def test_the_manifest_has_the_fields_of_a_local_one(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full(runtime_config={"parameters": {"epochs": 7}})
    bring()
    manifest = json.loads((output / "runs" / NAME / "run.json").read_text())
    components = {component["id"]: component for component in manifest.pop("components")}
    assert components["trainer"] == {"id": "trainer", "state": "succeeded", "seconds": 20.0}
    config, kubeflow = manifest.pop("config"), manifest.pop("kubeflow")
    assert (config["training"]["epochs"], config["training"]["model_name"]) == (7, "dense")
    assert "kubeflow" not in config
    assert kubeflow["parameters"]["epochs"] == 7
    assert kubeflow["run_id"] == RUN
    assert kubeflow["page"] == f"{cluster.host}/#/runs/details/{RUN}"
    assert manifest == {
        "run_id": NAME,
        "status": "succeeded",
        "error": None,
        "wall_seconds": 254.0,
        "metrics": {"accuracy": 0.875, "loss": 0.25, "num_examples": 10000, "per_class_accuracy": {"Shirt": 0.5}},
        "blessed": True,
        "refusals": [],
        "tuning": None,
        "baseline": 3,
        "pushed": "/serving/4",
        "data": {"source": "tfds", "kind": "fashion-mnist", "digest": "5cf0", "counts": {"train": 60000}},
        "data_gate": {
            "mode": "stop",
            "ok": True,
            "anomalies": 0,
            "headline": "12 of 12 checks passed",
            "checks": 12,
            "findings": [],
        },
        "versions": {"python": "3.13.1", "tfx": "1.21.0"},
        "git_commit": None,
    }


def test_a_second_time_it_is_here_already(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    bring()
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.*")}
    asked = len(cluster.state.requests)
    assert bring()[0] == f"{NAME}: is here already"
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.*")} | before == before
    assert cluster.state.requests[asked:][-1] == f"GET /apis/v2beta1/runs/{RUN}"
    assert not [request for request in cluster.state.requests[asked:] if "artifacts" in request]


@pytest.mark.parametrize("content", ["", "{}", '{"kubeflow": null}', '{"kubeflow": {"brought": ["?"]}}'])
def test_a_manifest_that_is_none_is_replaced(content: str, cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    bring()
    (output / "runs" / NAME / "run.json").write_text(content)
    bring()
    assert json.loads((output / "runs" / NAME / "run.json").read_text())["run_id"] == NAME


@pytest.mark.parametrize("gone", ["report", "tensorboard"])
def test_what_was_deleted_here_is_brought_again(gone: str, cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    bring()
    (output / "report" / f"{NAME}.html").unlink() if gone == "report" else (output / "tensorboard" / NAME).rename(
        output / "elsewhere"
    )
    assert bring()[0] == f"{NAME}: succeeded"
    assert set(WHOLE) <= set(left(output))


def test_a_run_that_was_retried_since_is_brought_again_under_its_name(
    cluster: Cluster, bring: Fetch, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.full()
    bring()
    cluster.state.ended[RUN]["finished_at"] = "2026-11-25T03:00:00Z"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    bring()
    assert left(output) == WHOLE


def test_the_newest_run_is_the_index_whoever_came_last(cluster: Cluster, bring: Fetch, output: Path) -> None:
    local = output / "report"
    local.mkdir(parents=True)
    (local / "20991124-120000.html").write_text(REPORT.replace("doctype html", "doctype html local"))
    cluster.full()
    bring()
    assert "doctype html local" in (local / "index.html").read_text()
    assert NAME in (local / "index.html").read_text()
    assert list(read_runs(local)) == ["20991124-120000", NAME]


def test_several_runs_come_and_one_that_does_not_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    cluster.full(OTHER, created_at="2026-11-25T02:12:34Z")
    with pytest.raises(UserError) as error:
        bring(RUN, "22222222-5a2a-4472-8a29-1b1c8b9f83df", OTHER, RUN)
    assert str(error.value).startswith("1 of 3 runs are not here: ")
    assert "no run there has this id" in str(error.value)
    assert sorted(path.name for path in (output / "runs").iterdir()) == [
        "20261125-021234-kubeflow-11111111", NAME,
    ]  # fmt: skip


def test_two_runs_with_the_same_beginning_of_their_ids_have_two_names(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    twin = f"{RUN[:8]}-0000-4472-8a29-1b1c8b9f83df"
    cluster.full(twin)
    for _ in range(2):
        bring(RUN, twin)
    manifests = {path.name: json.loads((path / "run.json").read_text()) for path in (output / "runs").iterdir()}
    assert {name: manifest["kubeflow"]["run_id"] for name, manifest in manifests.items()} == {
        NAME: RUN, f"20261125-021234-kubeflow-{twin}": twin,
    }  # fmt: skip


def test_latest_is_the_newest_run_of_this_pipeline(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    cluster.full(OTHER, created_at="2026-11-24T00:00:00Z")
    for number in range(3):
        foreign = {
            "pipeline_spec": {"pipelineInfo": {"name": "other"}},
            "created_at": f"2027-01-0{number + 1}T00:00:00Z",
        }
        cluster.state.ended[f"33333333-{number}"] = {**recorded("full"), **foreign}
    bring("latest")
    assert [path.name for path in (output / "runs").iterdir()] == [NAME]


def test_latest_of_none_is_said(bring: Fetch) -> None:
    with pytest.raises(UserError, match="has no run of the pipeline fashion-mnist; start one with --run"):
        bring("latest")


def test_a_run_that_has_not_ended_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full(state="RUNNING")
    with pytest.raises(UserError, match=f"^--fetch {RUN}: the run has not ended, its state is running; wait for it$"):
        bring()
    assert left(output) == []


@pytest.mark.parametrize("run_id", ["../../etc", "a/b", "", "..", "-x", "run?x=1", "a" * 64, "r\n"])
def test_what_is_no_id_is_refused_before_anything_is_asked(run_id: str, cluster: Cluster, bring: Fetch) -> None:
    with pytest.raises(UserError, match="expected the id of a run"):
        bring(run_id)
    assert not [request for request in cluster.state.requests if "runs" in request]


def test_without_the_data_gates_report_the_review_comes_all_the_same(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    cluster.store.path(cluster.uri(RUN, "data-gate", "report")).unlink()
    assert any("without what the data gate found" in line for line in bring())
    assert json.loads((output / "runs" / NAME / "run.json").read_text())["data_gate"] is None


def test_a_run_that_the_data_gate_stopped_has_a_manifest_that_says_so(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.add(RUN, "stopped-by-data-gate")
    cluster.record(RUN, "data-gate", "FAILED")
    lines = bring()
    (name,) = [path.name for path in (output / "runs").iterdir()]
    assert f"{name}: no report, the run did not come to its evaluation" in lines
    manifest = json.loads((output / "runs" / name / "run.json").read_text())
    assert (manifest["status"], manifest["error"]) == ("failed", "the run failed at data-gate")
    assert (manifest["metrics"], manifest["blessed"]) == (None, None)
    states = {component["id"]: component["state"] for component in manifest["components"]}
    assert (states["data-gate"], states["trainer"]) == ("failed", "not run")
    assert left(output) == [f"runs/{name}/run.json"]
    assert not [line for line in lines if line.startswith("see ")]


def test_a_run_that_failed_before_its_first_step_has_a_manifest(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.add(RUN, "trainer-failed", run_details=None)
    bring()
    (manifest,) = (output / "runs").glob("*/run.json")
    assert {step["state"] for step in json.loads(manifest.read_text())["components"]} == {"not run"}


def test_without_a_review_the_trainings_curves_come(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.add(RUN, "trainer-failed")
    cluster.record(RUN, "trainer", model_run=("tfx.ModelRun", sealed(EVENTS[1])))
    cluster.put(f"{cluster.uri(RUN, 'trainer', 'model_run')}/{EVENTS[1]}", "of the training")
    bring()
    (run,) = (output / "tensorboard").iterdir()
    assert (run / EVENTS[1]).read_text() == "of the training"


def test_a_run_whose_package_was_deleted_comes_all_the_same(
    cluster: Cluster, bring: Fetch, output: Path, package: Documents
) -> None:
    cluster.full(
        pipeline_spec=None, pipeline_version_reference={"pipeline_id": "id-x", "pipeline_version_id": "version-1"}
    )
    cluster.state.refused = {"GET /pipelines/id-x/versions/version-1"}
    bring()
    assert left(output) == WHOLE
    states = json.loads((output / "runs" / NAME / "run.json").read_text())["components"]
    assert {step["id"] for step in states} == set(package.steps)


def test_a_run_of_another_pipeline_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.add(RUN, "full")
    cluster.record(RUN, "train")
    with pytest.raises(UserError, match=r"the run has no report; is it one of this pipeline\?"):
        bring()
    assert left(output) == []


def test_an_output_directory_in_use_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    with (
        exclusive(output),
        pytest.raises(UserError, match=r"in use by .* or give another --set run\.output_dir=FOLDER"),
    ):
        bring()


def test_what_a_killed_fetch_left_is_cleared_away(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    (output / ".fetch" / RUN / "tensorboard").mkdir(parents=True)
    (output / ".fetch" / RUN / "tensorboard" / "half").write_text("x")
    (output / "tensorboard" / NAME).mkdir(parents=True)
    (output / "tensorboard" / NAME / "half").write_text("x")
    bring()
    assert left(output) == WHOLE
    assert [path.name for path in (output / "runs").iterdir()] == [NAME]
