"""The serving directory: whole versions, growing numbers."""

from pathlib import Path

import pytest

from tfx_pipeline import serving


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.index").write_bytes(b"weights")
    return directory


def test_there_is_no_version_where_nothing_was_pushed(tmp_path: Path) -> None:
    assert serving.newest(tmp_path / "nowhere") is None


def test_a_push_is_a_whole_copy_under_a_number(model: Path, tmp_path: Path) -> None:
    version = serving.push(model, tmp_path / "serving")
    assert serving.newest(tmp_path / "serving") == int(version.name)
    assert serving.same_model(model, version)
    assert [path.name for path in version.parent.iterdir()] == [version.name]


def test_version_numbers_only_grow_even_when_the_clock_does_not(model: Path, tmp_path: Path) -> None:
    far_ahead = tmp_path / "serving" / "99999999999"
    far_ahead.mkdir(parents=True)
    pushed = [int(serving.push(model, tmp_path / "serving").name) for _ in range(3)]
    assert pushed == [100000000000, 100000000001, 100000000002]


def test_a_version_without_its_graph_does_not_count(model: Path, tmp_path: Path) -> None:
    version = serving.push(model, tmp_path / "serving")
    (tmp_path / "serving" / "99999999999").mkdir()
    assert serving.newest(tmp_path / "serving") == int(version.name)


def test_a_push_that_fails_leaves_nothing(model: Path, tmp_path: Path) -> None:
    (model / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="broken"):
        serving.push(model, tmp_path / "serving")
    assert list((tmp_path / "serving").iterdir()) == []


def test_a_model_with_another_weight_is_another_model(model: Path, tmp_path: Path) -> None:
    version = serving.push(model, tmp_path / "serving")
    (model / "variables" / "variables.index").write_bytes(b"other weights")
    assert not serving.same_model(model, version)
