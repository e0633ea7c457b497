"""The output directory."""

import shutil
from pathlib import Path

import pytest

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output import MANIFEST_BYTES, RESERVE_BYTES, new_run


def test_runs_that_start_in_the_same_second_have_names_of_their_own(tmp_path: Path) -> None:
    names = {new_run(tmp_path / "output").run_id for _ in range(5)}
    assert len(names) == 5
    assert {path.name for path in (tmp_path / "output" / "runs").iterdir()} == names


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/output: cannot be written: Not a directory; give another --output-dir"):
        new_run(tmp_path / "file" / "output")


def test_clean_deletes_what_runs_left_and_nothing_else(tmp_path: Path) -> None:
    old, output = new_run(tmp_path), new_run(tmp_path)
    for directory in (old.pipeline, old.serving / "1", old.tensorboard):
        directory.mkdir(parents=True)
    old.metadata.touch()
    (tmp_path / "metadata.db-journal").touch()  # SQLite would apply it to the next database
    (tmp_path / "notes.txt").touch()
    output.clean()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "runs"]
    assert [path.name for path in output.run.parent.iterdir()] == [output.run_id]


def test_clean_that_is_killed_leaves_no_metadata_for_artifacts_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = new_run(tmp_path)
    output.pipeline.mkdir()
    output.metadata.touch()
    metadata_at_deletion: list[bool] = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: metadata_at_deletion.append(output.metadata.exists()))
    output.clean()
    assert set(metadata_at_deletion) == {False}


def test_a_run_keeps_room_for_what_is_said_where_the_disk_is_full(tmp_path: Path) -> None:
    output = new_run(tmp_path)
    assert output.reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert all(room.stat().st_blocks * 512 >= MANIFEST_BYTES for room in output.manifest_rooms)
