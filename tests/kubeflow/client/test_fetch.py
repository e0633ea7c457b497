"""Reviews of runs on Kubeflow come home, whole or not at all; what a real server answered of the runs is recorded."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.conftest import Documents
from tests.kubeflow.page import Page
from tests.kubeflow.recorded import recorded
from tests.kubeflow.replay.metadata import Metadata
from tests.kubeflow.replay.objects import ObjectStore
from tests.object_stores import BUCKET, endpoint, s3  # noqa: F401 - fixtures
from tfx_pipeline.kubeflow.client import artifacts
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.fetch import fetch
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.output_lock import exclusive
from tfx_pipeline.review.report_pages import read_runs
from tfx_pipeline.review.report_writer import embedded

RUN = "f5e1e27f-5a2a-4472-8a29-1b1c8b9f83df"
OTHER = "11111111-5a2a-4472-8a29-1b1c8b9f83df"
NAME = "20261125-021234-kubeflow-f5e1e27f"
ROOT = f"minio://{BUCKET}/v2/artifacts/fashion-mnist"

DIGEST = {
    "blessed": True,
    "headline": "Blessed: this model passed every threshold",
    "reasons": [],
    "baseline": 3,
    "overall": {"accuracy": 0.875, "loss": 0.25, "examples": 10000, "calibration_error": 0.01},
    "classes": [{"name": "Shirt", "recall": 0.5, "examples": 1000}, {"name": "Bag", "recall": None, "examples": 0}],
    "hyperparameters": {"model_name": "dense", "epochs": 2},
    "data": {},
    "versions": {"python": "3.13.1", "tfx": "1.21.0"},
}
REPORT = (
    "<!doctype html><!-- slot:links --><!-- slot:run --><!-- slot:timings --><!-- slot:runs -->"
    f'<script type="application/json" id="review">{embedded(DIGEST)}</script>'
)
GATE = {"mode": "stop", "ok": True, "anomalies": 0, "headline": "12 of 12 checks passed", "checks": [{}] * 12}
EVENTS = ("events.out.tfevents.1.pod.v2", "train/events.out.tfevents.2.pod.v2")

Fetch = Callable[..., list[str]]


class Cluster:
    """A server with runs, their metadata and their objects."""

    def __init__(self, host: str, state: State, folder: Path, spec: dict[str, Any]) -> None:
        self.host, self.state = host, state
        self.metadata, self.store = Metadata(), ObjectStore(folder)
        self.page = state.page = Page(self.metadata, self.store)
        self._spec = {"pipeline_spec": spec}

    def add(self, run_id: str, name: str, created_at: str | None = None, **run: Any) -> None:
        """Adds a recorded run, as the API tells it."""
        answer = {**recorded(name), "pipeline_spec": self._spec, **run}
        answer |= {"created_at": created_at} if created_at else {}
        self.state.ended[run_id] = answer

    def record(self, run_id: str, step: str, state: str = "COMPLETE", **outputs: tuple[str, dict[str, Any]]) -> None:
        """Records a step with its outputs: type and properties by key."""
        ids = {}
        for key, (kind, properties) in outputs.items():
            artifact = {"uri": self.uri(run_id, step, key), "type": {"schemaTitle": kind}, "metadata": properties}
            ids[key] = self.metadata.record(key, artifact)
        self.metadata.end(self.metadata.begin(run_id, step), state, ids)

    def uri(self, run_id: str, step: str, key: str) -> str:
        return f"{ROOT}/{run_id}/{step}/try-1/{key}"

    def put(self, uri: str, content: str = "x") -> None:
        path = self.store.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def full(self, run_id: str = RUN, **run: Any) -> None:
        """Adds the recorded run that went through, with all that it left."""
        self.add(run_id, "full", **run)
        examples = {"data_source": "tfds", "data_kind": "fashion-mnist", "data_digest": "5cf0", "train_examples": 60000}
        self.record(run_id, "example-gen", "CACHED", examples=("tfx.Examples", examples))
        self.record(run_id, "data-gate", report=("tfx.JsonValue", {}))
        self.record(run_id, "trainer", model_run=("tfx.ModelRun", {}))
        review = {"tensorboard": ("tfx.ModelRun", {}), "report": ("system.HTML", {})}
        self.record(run_id, "evaluation-review", **review)
        self.record(run_id, "pusher", pushed_model=("tfx.PushedModel", {"pushed_destination": "/serving/4"}))
        self.put(self.uri(run_id, "data-gate", "report"), json.dumps(GATE))
        self.put(self.uri(run_id, "evaluation-review", "report"), REPORT)
        for name in EVENTS:
            self.put(f"{self.uri(run_id, 'evaluation-review', 'tensorboard')}/{name}", name)
            self.put(f"{self.uri(run_id, 'trainer', 'model_run')}/{name}", "of the training")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine in UTC, without the way to an object store."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setitem(artifacts.object_store._S3_CONFIG, "retries", {"max_attempts": 1})


@pytest.fixture
def cluster(tmp_path: Path, package: Documents) -> Iterator[Cluster]:
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


def left(output: Path) -> list[str]:
    """What is in the output directory, but for its lock."""
    return sorted(
        str(path.relative_to(output)) for path in output.rglob("*") if path.is_file() and path.name != ".lock"
    )


WHOLE = sorted(
    [
        "report/compare.html", "report/index.html", f"report/{NAME}.html", f"runs/{NAME}/run.json",
        *(f"tensorboard/{NAME}/{name}" for name in EVENTS),
    ]
)  # fmt: skip


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
    assert (config["training"]["epochs"], config["training"]["model"]) == (7, "dense")
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
        "baseline": 3,
        "pushed": "/serving/4",
        "data": {"source": "tfds", "kind": "fashion-mnist", "digest": "5cf0", "counts": {"train": 60000}},
        "data_gate": {"mode": "stop", "ok": True, "anomalies": 0, "headline": "12 of 12 checks passed", "checks": 12},
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


@pytest.mark.parametrize("gone", ["report", "tensorboard"])
def test_artifacts_that_were_deleted_are_said_and_nothing_is_left(
    gone: str, cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    place = cluster.store.path(cluster.uri(RUN, "evaluation-review", gone))
    place.rename(place.with_name("elsewhere"))
    with pytest.raises(UserError, match=rf"/evaluation-review/try-1/{gone}: has no objects any more"):
        bring()
    assert left(output) == []
    assert not (output / ".fetch").exists()


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


def test_without_a_review_the_trainings_curves_come(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.add(RUN, "trainer-failed")
    cluster.record(RUN, "trainer", model_run=("tfx.ModelRun", {}))
    cluster.put(f"{cluster.uri(RUN, 'trainer', 'model_run')}/{EVENTS[1]}", "of the training")
    bring()
    (run,) = (output / "tensorboard").iterdir()
    assert (run / EVENTS[1]).read_text() == "of the training"


def test_a_run_whose_package_was_deleted_comes_all_the_same(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full(
        pipeline_spec=None, pipeline_version_reference={"pipeline_id": "id-x", "pipeline_version_id": "version-1"}
    )
    cluster.state.refused = {"GET /pipelines/id-x/versions/version-1"}
    bring()
    assert left(output) == WHOLE
    states = json.loads((output / "runs" / NAME / "run.json").read_text())["components"]
    assert {step["id"] for step in states} == {"example-gen", "data-gate", "trainer", "evaluation-review", "pusher"}


def test_a_run_of_another_pipeline_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.add(RUN, "full")
    cluster.record(RUN, "train")
    with pytest.raises(UserError, match=r"the run has no report; is it one of this pipeline\?"):
        bring()
    assert left(output) == []


def test_an_archive_that_broke_off_is_not_taken_for_whole(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    cluster.page.lost = 1
    with pytest.raises(UserError, match="the page gives no whole archive of it"):
        bring()
    assert left(output) == []


def test_another_page_in_place_of_the_report_is_not_taken_for_it(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    cluster.put(cluster.uri(RUN, "evaluation-review", "report"), "<html>Log in</html>")
    with pytest.raises(UserError, match="what answers is no report, perhaps a page for a log-in"):
        bring()
    assert left(output) == []


def test_the_log_in_is_the_clients(cluster: Cluster, output: Path) -> None:
    cluster.full()
    cluster.state.token = "right"
    fetch(Server(Connection(cluster.host, token="right")), [RUN], output, lambda _: None)
    assert left(output) == WHOLE


def test_where_kubeflow_has_several_users_the_page_is_below_pipeline_and_ml_metadata_is_not(
    cluster: Cluster, output: Path
) -> None:
    cluster.full()
    cluster.state.prefix = "/pipeline"
    server = Server(Connection(f"{cluster.host}/pipeline", namespace="ml"))
    fetch(server, [RUN], output, lambda _: None)
    assert left(output) == WHOLE
    assert {query["namespace"] for query in cluster.page.queries} == {"ml"}


def test_an_output_directory_in_use_is_said(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    with (
        exclusive(output),
        pytest.raises(UserError, match=r"in use by .* or give another --set run\.output_dir=FOLDER"),
    ):
        bring()


def in_the_store(cluster: Cluster, client: boto3.client) -> None:
    """Puts all objects into a real object store."""
    folder = cluster.store.path(f"minio://{BUCKET}")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        client.put_object(Bucket=BUCKET, Key=str(path.relative_to(folder)), Body=path.read_bytes())


def test_what_the_page_of_2_16_does_not_give_comes_from_the_object_store(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full()
    cluster.page.version = "2.16"
    in_the_store(cluster, s3)
    bring()
    assert left(output) == WHOLE


def test_without_a_page_all_comes_from_the_object_store(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full(runtime_config={"pipeline_root": f"minio://{BUCKET}/v2/artifacts/"})
    in_the_store(cluster, s3)
    cluster.state.page = None
    bring()
    assert left(output) == WHOLE
    manifest = json.loads((output / "runs" / NAME / "run.json").read_text())
    assert (manifest["metrics"]["accuracy"], manifest["data"], manifest["data_gate"]["ok"]) == (0.875, None, True)


def test_without_a_page_and_without_the_object_store_both_reasons_are_said(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    cluster.state.page = None
    with pytest.raises(UserError) as error:
        bring()
    assert str(error.value).startswith(
        f"--fetch {RUN}: nobody says where its artifacts are: {cluster.host}: cannot ask"
    )
    assert "check the location, MINIO_ENDPOINT" in str(error.value)
    assert "\n" not in str(error.value)
    assert left(output) == []


def test_a_name_that_leads_out_of_the_folder_is_not_followed(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full()
    cluster.page.version = "2.16"
    in_the_store(cluster, s3)
    prefix = cluster.uri(RUN, "evaluation-review", "tensorboard").removeprefix(f"minio://{BUCKET}/")
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/../../../../evil.tfevents", Body=b"x")
    with pytest.raises(UserError, match="whose name leads out of its folder"):
        bring()
    assert left(output) == []


def test_what_a_killed_fetch_left_is_cleared_away(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    (output / ".fetch" / RUN / "tensorboard").mkdir(parents=True)
    (output / ".fetch" / RUN / "tensorboard" / "half").write_text("x")
    (output / "tensorboard" / NAME).mkdir(parents=True)
    (output / "tensorboard" / NAME / "half").write_text("x")
    bring()
    assert left(output) == WHOLE
    assert [path.name for path in (output / "runs").iterdir()] == [NAME]
