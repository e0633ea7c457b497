"""A trainer finds the checkpoints of the same training and no others."""

from pathlib import Path

import pytest

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record import checkpoints

PROPERTIES = {"epochs": 3, "seed": 1}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    (tmp_path / "examples" / "Split-train").mkdir(parents=True)
    (tmp_path / "examples" / "Split-train" / "data").write_bytes(b"images")
    return tmp_path / "examples"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, str(tmp_path / "checkpoints"))
    return tmp_path / "checkpoints"


def test_without_a_place_there_are_none(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(checkpoints.CHECKPOINTS_VARIABLE, raising=False)
    assert checkpoints.checkpoint_dir(PROPERTIES, [str(examples)]) is None


def test_a_url_is_refused(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, "s3://bucket/checkpoints")
    with pytest.raises(UserError, match=r"^TRAINER_CHECKPOINTS=s3://bucket/checkpoints: checkpoints need a folder"):
        checkpoints.checkpoint_dir(PROPERTIES, [str(examples)])


def test_a_place_that_is_a_pattern_is_refused(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, "/mnt/run [1]")
    with pytest.raises(UserError, match=r"^TRAINER_CHECKPOINTS: /mnt/run \[1\]: has \[, by which TensorFlow"):
        checkpoints.checkpoint_dir(PROPERTIES, [str(examples)])


def test_the_same_training_has_the_same_folder_wherever_its_inputs_lie(place: Path, examples: Path) -> None:
    folder = checkpoints.checkpoint_dir(PROPERTIES, [str(examples)])
    moved = examples.rename(examples.with_name("moved"))
    assert checkpoints.checkpoint_dir(PROPERTIES, [str(moved)]) == folder
    assert folder is not None
    assert Path(folder).parent == place


def test_another_value_or_another_input_has_another_folder(place: Path, examples: Path) -> None:
    folders = {checkpoints.checkpoint_dir(p, [str(examples)]) for p in (PROPERTIES, PROPERTIES | {"epochs": 4})}
    (examples / "Split-train" / "data").write_bytes(b"others")
    folders.add(checkpoints.checkpoint_dir(PROPERTIES, [str(examples)]))
    (examples / "Split-train" / "data").rename(examples / "Split-train" / "renamed")
    folders.add(checkpoints.checkpoint_dir(PROPERTIES, [str(examples)]))
    assert len(folders) == 4
