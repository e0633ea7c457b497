"""The place of pushed models by its path or URL; what goes wrong there is one line."""

from pathlib import Path

import pytest

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.place import open_place, serving_place


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
