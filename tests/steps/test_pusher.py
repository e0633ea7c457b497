"""pusher: what is blessed is published, and only that."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tests.object_stores import BUCKET
from tests.saved_model import export_classifier, write_saved_model
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.place import open_place
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


def compared_with(version: str, choice: str = "") -> standard_artifacts.Model:
    """What baseline-locator leaves; "" for a place without a version."""
    baseline = standard_artifacts.Model()
    if version:
        baseline.set_int_custom_property("version", int(version))
    if choice:
        baseline.set_string_custom_property("choice", choice)
    return baseline


def push_over(
    baseline: standard_artifacts.Model, weight: float, tmp_path: Path, serving: str, keep: int | None = None
) -> str:
    """Pushes another model of this pipeline's, which was compared with a baseline; returns its version."""
    model, blessing, pushed = (
        standard_artifacts.Model(),
        standard_artifacts.ModelBlessing(),
        standard_artifacts.PushedModel(),
    )
    model.uri, pushed.uri = str(tmp_path / f"trained-{weight}"), str(tmp_path / f"pushed-{weight}")
    if not Path(model.uri).exists():
        export_classifier(Path(model.uri, "Format-Serving"), weight=weight)
    blessing.set_int_custom_property("blessed", 1)
    push_model(model, blessing, pushed, serving, None, baseline, keep)
    return pushed.get_string_custom_property("pushed_version")


@pytest.fixture(params=["directory", "bucket"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A serving place of each kind."""
    if request.param == "directory":
        return str(tmp_path / "serving")
    request.getfixturevalue("s3")
    return f"minio://{BUCKET}/serving"


def test_old_versions_are_deleted_but_neither_the_baseline_nor_what_is_not_ours(
    serving: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = open_place(serving)
    theirs = [place.push(write_saved_model(tmp_path / "theirs")), place.push(tmp_path / "theirs")]
    first = push_over(compared_with("", "none"), 1, tmp_path, serving, keep=1)
    others = [push_over(compared_with(first, first), weight, tmp_path, serving, keep=1) for weight in (2, 3, 4)]
    assert place.versions() == [*theirs, int(first), int(others[-1])]
    deleted = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line for line in deleted if "deleted" in line] == [
        f"deleted {place.uri(int(version))}: keep_versions is 1" for version in others[:-1]
    ]


def test_a_model_that_was_not_compared_with_the_newest_is_not_pushed(serving: str, tmp_path: Path) -> None:
    """Two runs that trained at once had both compared with what was there before."""
    first = push_over(compared_with(""), 1, tmp_path, serving)
    with pytest.raises(UserError, match=f"newest version .* is {first} by now, and this model was compared with none"):
        push_over(compared_with(""), 2, tmp_path, serving)
    second = push_over(compared_with(first), 3, tmp_path, serving)
    with pytest.raises(UserError, match=f"is {second} by now, and this model was compared with {first}"):
        push_over(compared_with(first), 4, tmp_path, serving)
    assert open_place(serving).versions() == [int(first), int(second)]


def test_a_pusher_that_is_tried_again_takes_its_own_push_for_no_other_model(serving: str, tmp_path: Path) -> None:
    first = push_over(compared_with(""), 1, tmp_path, serving)
    assert push_over(compared_with(""), 1, tmp_path, serving) == first
