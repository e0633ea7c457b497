"""pusher: what is blessed is published, and only that."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.steps.pusher import push_model


@pytest.fixture
def model(tmp_path: Path) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "trained")
    directory = tmp_path / "trained" / "Format-Serving"
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    return artifact


def push(model: standard_artifacts.Model, tmp_path: Path, *, blessed: bool) -> standard_artifacts.PushedModel:
    """Pushes a model, with its serving directory at tmp_path/serving."""
    blessing = standard_artifacts.ModelBlessing()
    blessing.set_int_custom_property("blessed", int(blessed))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    push_model(model, blessing, pushed, str(tmp_path / "serving"))
    return pushed


def test_a_blessed_model_is_pushed_and_handed_on(model: standard_artifacts.Model, tmp_path: Path) -> None:
    pushed = push(model, tmp_path, blessed=True)
    version = Path(pushed.get_string_custom_property("pushed_destination"))
    assert (version / "saved_model.pb").read_bytes() == b"graph"
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert Path(pushed.uri, "saved_model.pb").is_file()


def test_a_refused_model_is_never_pushed(model: standard_artifacts.Model, tmp_path: Path) -> None:
    pushed = push(model, tmp_path, blessed=False)
    assert ServingDirectory(tmp_path / "serving").newest() is None
    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_string_custom_property("note") == "the model is not blessed and not pushed"


def test_the_model_that_is_served_already_is_not_pushed_again(model: standard_artifacts.Model, tmp_path: Path) -> None:
    first, second = (push(model, tmp_path, blessed=True) for _ in range(2))
    assert first.get_string_custom_property("pushed_version") == second.get_string_custom_property("pushed_version")
    assert len(ServingDirectory(tmp_path / "serving").versions()) == 1


def test_old_versions_are_deleted_but_not_the_baseline(model: standard_artifacts.Model, tmp_path: Path) -> None:
    baseline = standard_artifacts.Model()
    for number in range(4):
        Path(model.uri, "Format-Serving", "saved_model.pb").write_bytes(f"graph {number}".encode())
        blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
        blessing.set_int_custom_property("blessed", 1)
        pushed.uri = str(tmp_path / f"pushed-{number}")
        push_model(model, blessing, pushed, str(tmp_path / "serving"), None, baseline, keep_versions=1)
        if number == 0:
            baseline.set_int_custom_property("version", int(pushed.get_string_custom_property("pushed_version")))
    place = ServingDirectory(tmp_path / "serving")
    assert place.versions() == [baseline.get_int_custom_property("version"), place.newest()]
