"""What changes in an executor output before the launcher reads it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow.step import backend
from tfx_pipeline.kubeflow.step import executor_output, messages

TASK = f"{backend.RUN}/evaluator/{backend.SALT}"


def tfx_output(**metadata: Any) -> dict[str, Any]:
    """What TFX's entrypoint writes for an evaluator whose blessing has the given metadata."""
    return {
        "artifacts": {
            "blessing": {
                "artifacts": [{"name": "blessing", "uri": f"/minio/{TASK}/blessing", "metadata": dict(metadata)}]
            },
            "evaluation": {
                "artifacts": [
                    {"name": "evaluation", "uri": f"/minio/{TASK}/evaluation", "metadata": {"tfx_version": "1.21.0"}}
                ]
            },
        }
    }


def blessing(**metadata: Any) -> dict[str, Any]:
    finished = executor_output.finish(tfx_output(**metadata), backend.executor_input())
    result: dict[str, Any] = finished["artifacts"]["blessing"]["artifacts"][0]
    return result


def test_output_gets_back_its_uri() -> None:
    assert blessing(blessed=1.0) == {"uri": f"minio://{TASK}/blessing", "metadata": {"blessed": 1.0}}


@pytest.mark.parametrize(("scheme", "mount"), [("minio", "/minio/"), ("s3", "/s3/"), ("gs", "/gcs/")])
def test_local_paths_in_the_metadata_become_uris(scheme: str, mount: str) -> None:
    model = f"{backend.RUN}/trainer/{backend.SALT}/model"
    output = tfx_output(current_model=f"{mount}{model}", files=[f"{mount}{model}/Format-Serving"])
    finished = executor_output.finish(output, backend.executor_input(scheme))
    assert finished["artifacts"]["blessing"]["artifacts"][0]["metadata"] == {
        "current_model": f"{scheme}://{model}",
        "files": [f"{scheme}://{model}/Format-Serving"],
    }


def test_path_that_only_begins_like_an_artifact_stays() -> None:
    other = f"/minio/{backend.RUN}/trainer/{backend.SALT}/model_run"
    assert blessing(note=other)["metadata"] == {"note": other}


def test_path_outside_the_artifacts_stays() -> None:
    assert blessing(pushed_destination="/serving/17")["metadata"] == {"pushed_destination": "/serving/17"}


def test_metadata_without_a_value_is_left_out() -> None:
    assert blessing(blessed=1.0, baseline_model=None)["metadata"] == {"blessed": 1.0}


def test_marks_of_tfx_stay_out_of_reports_and_in_other_artifacts() -> None:
    report = backend.provisioned(
        "metrics", f"minio://{TASK}/metrics", {"instanceSchema": "title: system.Metrics\ntype: object\n"}
    )
    executor_input = backend.changed(backend.executor_input(), "outputs.artifacts.metrics", report)
    output = tfx_output()
    metadata = {"accuracy": 0.9, "tfx_version": "1.21.0", "__is_null__": 0.0}
    output["artifacts"]["metrics"] = {"artifacts": [{"uri": f"/minio/{TASK}/metrics", "metadata": metadata}]}
    artifacts = executor_output.finish(output, executor_input)["artifacts"]
    assert artifacts["metrics"]["artifacts"][0]["metadata"] == {"accuracy": 0.9}
    assert artifacts["evaluation"]["artifacts"][0]["metadata"] == {"tfx_version": "1.21.0"}


def test_output_has_only_fields_that_the_launcher_knows() -> None:
    output = {**tfx_output(), "parameterValues": {"count": 3.0}, "unknown": 1}
    output["artifacts"]["blessing"]["artifacts"][0]["store_session_info"] = "x"
    finished = executor_output.finish(output, backend.executor_input())
    json_format.ParseDict(finished, pipeline_spec_pb2.ExecutorOutput(), ignore_unknown_fields=False)
    assert finished["parameterValues"] == {"count": 3.0}
    assert set(finished["artifacts"]["blessing"]["artifacts"][0]) == {"uri", "metadata"}


def test_output_of_a_step_without_outputs_is_empty() -> None:
    assert executor_output.finish({}, backend.changed(backend.executor_input(), "outputs.artifacts", {})) == {}


def test_message_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "task" / "output_metadata.json"
    with pytest.raises(ValueError, match="JSON"):
        messages.write_message(path, {"accuracy": math.nan})
    assert not path.exists()


def test_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "task" / "output_metadata.json"
    messages.write_message(path, {"artifacts": {}})
    assert json.loads(path.read_text()) == {"artifacts": {}}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_file_is_replaced_and_never_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "output_metadata.json"
    path.write_text("old")
    reader = path.open()
    messages.write_message(path, {"new": "x" * 100_000})
    assert reader.read() == "old"
    reader.close()
