"""evaluation-review as a component: what it leaves, and how it fails."""

import dataclasses
import io
from pathlib import Path

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from tests.small_run import Run
from tfx_pipeline.components.evaluation_review import Executor, ReviewError, run_id_of
from tfx_pipeline.local.console import Console
from tfx_pipeline.local.summary import summary
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.run_record import read_record


def test_a_run_leaves_report_and_events(first_run: Run) -> None:
    run_id = first_run.manifest["run_id"]
    index = (first_run.output / "report" / "index.html").read_text()
    assert f"Run {run_id}" in index
    assert f"<code>{first_run.manifest['pushed']}</code>" in index
    logs = first_run.output / "tensorboard" / run_id
    assert [path.name for path in sorted(logs.iterdir()) if path.is_dir()] == ["train", "validation"]
    assert list(logs.glob("events.out.tfevents.*"))


def test_the_page_of_kubeflow_gets_its_artifacts(first_run: Run) -> None:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(first_run.output / "metadata.db")
    store = MetadataStore(config)
    (metrics,) = store.get_artifacts_by_type("system.Metrics")
    expected = pytest.approx(first_run.manifest["metrics"]["accuracy"], abs=1e-6)  # ML Metadata keeps six digits
    assert metrics.custom_properties["accuracy"].double_value == expected
    (page,) = store.get_artifacts_by_type("system.HTML")
    assert Path(page.uri).read_text().startswith("<!doctype html>")
    assert store.get_artifacts_by_type("system.ClassificationMetrics")


RUN, EXECUTION = "1adbefe6-7013-444b-a0e9-0767eef31967", "b0cdb57b-56a7-4906-b674-3c5d4e301db3"


@pytest.mark.parametrize(
    ("uri", "run_id"),
    [
        # As Kubeflow 2.17 gave it.
        (f"minio://mlpipeline/v2/artifacts/fashion-mnist/{RUN}/judgement/{EXECUTION}/tensorboard", RUN),
        (f"/minio/mlpipeline/v2/artifacts/fashion-mnist/{RUN}/judgement/{EXECUTION}/tensorboard", RUN),
        (f"gs://bucket/fashion-mnist/{RUN}/judgement/tensorboard", RUN),
        ("/pipelines/evaluation-review/tensorboard/12", "12"),
    ],
)
def test_a_run_has_its_own_id_among_the_hyperparameters_wherever_its_events_are(uri: str, run_id: str) -> None:
    assert run_id_of(uri) == run_id


def test_a_review_that_fails_repeats_the_verdict(tmp_path: Path) -> None:
    def artifact(kind: type, name: str) -> list:
        made = kind()
        made.uri = str(tmp_path / name)
        return [made]

    blessing = artifact(standard_artifacts.ModelBlessing, "blessing")
    blessing[0].set_int_custom_property("blessed", 0)
    statistics = artifact(standard_artifacts.ExampleStatistics, "statistics")
    statistics[0].split_names = '["eval"]'
    (tmp_path / "examples" / "Split-eval").mkdir(parents=True)
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    gate = artifact(standard_artifacts.JsonValue, "gate")
    gate[0].value = {"headline": "232 checks passed", "checks": []}
    examples = artifact(standard_artifacts.Examples, "examples")
    examples[0].split_names = '["eval"]'
    inputs = {
        "examples": examples,
        "statistics": statistics,
        "data_gate": gate,
        "model": artifact(standard_artifacts.Model, "model"),
        "model_run": artifact(standard_artifacts.ModelRun, "model_run"),
        "evaluation": artifact(standard_artifacts.ModelEvaluation, "there is nothing here"),
        "blessing": blessing,
    }
    with pytest.raises(ReviewError, match=r"cannot be shown .*; the evaluator's verdict stands: the model is refused$"):
        Executor().Do(inputs, {}, {})


def test_the_summary_of_a_failed_run_still_shows_the_verdict(first_run: Run) -> None:
    record = read_record(first_run.output / "run.json")
    assert record is not None
    failed = dataclasses.replace(record, error="ReviewError: the disk is full")
    stream = io.StringIO()
    summary(Console(stream), Output(first_run.output, failed.run_id), failed)
    shown = stream.getvalue()
    assert shown.index("error: ReviewError: the disk is full") < shown.index("accuracy") < shown.index("blessed")
    assert str(failed.pushed) in shown
