"""The place of pushed models by its path or URL; what goes wrong there is one line."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tests.saved_model import write_saved_model
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.object_store import check_place
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.place import open_place, serving_place
from tfx_pipeline.steps.baseline_locator import locate_baseline
from tfx_pipeline.steps.pusher import push_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "saved_model.pb").write_bytes(b"graph")
    return directory


def test_a_path_is_a_directory(tmp_path: Path) -> None:
    assert isinstance(open_place(str(tmp_path)), ServingDirectory)


def test_a_model_in_a_directory_comes_back_as_it_was(model: Path, tmp_path: Path) -> None:
    with serving_place(str(tmp_path / "serving")) as place:
        assert place.newest() is None
        version = place.push(model)
        assert place.newest() == version
        assert place.holds(version, model)
        assert place.uri(version) == str(tmp_path / "serving" / str(version))
        place.fetch(version, tmp_path / "back")
    assert (tmp_path / "back" / "saved_model.pb").read_bytes() == b"graph"


def test_a_directory_that_cannot_be_written_is_one_line_that_names_it(model: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "serving"
    blocked.write_text("a file")
    with pytest.raises(UserError) as error, serving_place(str(blocked)) as place:
        place.push(model)
    assert str(error.value).startswith(
        f"{blocked}: the serving directory cannot be used (File exists: {blocked}); make"
    )
    assert "\n" not in str(error.value)


def test_a_url_of_another_kind_is_refused_naming_those_that_work() -> None:
    with pytest.raises(UserError, match=r"^hdfs://a/b: .*expected a path, s3://, gs:// or minio://"):
        open_place("hdfs://a/b")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "run parameter serving_dir: '': models cannot be pushed there, expected a path, s3://, gs:// or minio://"),
        (" ", "expected a path"),
        (
            "serving",
            "serving: models cannot be pushed there, expected a path, s3://, gs:// or minio://, the path from / on",
        ),
        ("./serving", "expected a path"),
        ("~/serving", "expected a path"),
        ("../serving", "expected a path"),
        ("file:///serving", "expected a path"),
        ("file:/serving", "expected a path"),
        ("s3:/bucket/x", "expected a path"),
        ("s3:bucket", "expected a path"),
        ("S3://bucket/x", "expected a path"),
        ("https://bucket.s3.amazonaws.com/x", "expected a path"),
        ("s3://bucket/../x", "expected no empty part, no . and no .. between its slashes"),
        ("/", "expected a folder, not the root of a file system"),
        ("/serving ", "expected no blanks around it"),
        ("/serving\n", "run parameter serving_dir: '/serving\\\\n': models cannot be pushed there, expected no blanks"),
        ("/ser\0ving", "no control characters"),
        ("s3://bucket//x", "expected no empty part, no . and no .. between its slashes"),
        ("gs://bucket/./x", "expected no empty part, no . and no .. between its slashes"),
        ("gs://", "names no bucket, expected gs://BUCKET/FOLDER"),
        ("s3:///x", "names no bucket, expected s3://BUCKET/FOLDER"),
    ],
)
def test_a_place_that_another_process_takes_for_another_one_is_refused(uri: str, words: str, tmp_path: Path) -> None:
    baseline, model = standard_artifacts.Model(), standard_artifacts.Model()
    blessing = standard_artifacts.ModelBlessing()
    blessing.set_int_custom_property("blessed", 1)
    baseline.uri, model.uri = str(tmp_path / "baseline"), str(tmp_path / "model")
    write_saved_model(tmp_path / "model" / "Format-Serving")
    with pytest.raises(UserError, match=words) as located:
        locate_baseline(baseline, uri)
    with pytest.raises(UserError, match=words) as pushed:
        push_model(model, blessing, standard_artifacts.PushedModel(), uri)
    assert str(located.value) == str(pushed.value)
    assert str(located.value).isprintable()


@pytest.mark.parametrize(
    "uri",
    [
        "/serving",
        "/serving/",
        "/home/me/project/../output/serving",
        "//serving",
        "/a b/c.d",
        "/s3:/x",
        "s3://bucket",
        "s3://bucket/a b/",
        "gs://b/..x/y..",
    ],
)
def test_a_place_that_means_the_same_everywhere_is_taken(uri: str) -> None:
    assert check_place(uri) == uri
