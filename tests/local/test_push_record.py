"""A version that was pushed is in the record, whatever came after the push."""

from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from tfx_pipeline.local.artifacts import with_push
from tfx_pipeline.record.run_record import RunRecord
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.versions import model_dir


def trained(tmp_path: Path, content: str = "graph") -> dict[str, dict[str, metadata_store_pb2.Artifact]]:
    """The trainer's output; the pusher's is missing, since it failed."""
    folder = model_dir(str(tmp_path / content))
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    return {"trainer": {"model": metadata_store_pb2.Artifact(uri=str(tmp_path / content))}}


def test_a_pusher_that_failed_after_its_push_does_not_hide_the_version(tmp_path: Path) -> None:
    outputs, place = trained(tmp_path), ServingDirectory(tmp_path / "serving")
    version = place.push(model_dir(str(tmp_path / "graph")))
    record = with_push(RunRecord("1", blessed=True), outputs, tmp_path / "serving")
    assert record.pushed == place.uri(version)


def test_another_models_version_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    ServingDirectory(tmp_path / "serving").push(model_dir(trained(tmp_path, "older")["trainer"]["model"].uri))
    outputs = trained(tmp_path)
    assert with_push(RunRecord("1", blessed=True), outputs, tmp_path / "serving").pushed is None
    assert with_push(RunRecord("1", blessed=True), outputs, tmp_path / "nowhere").pushed is None
