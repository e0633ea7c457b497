"""run.json is there from the beginning to the end of a run, whatever ends it."""

import json
from pathlib import Path

from tfx_pipeline.record.manifests import begin, write
from tfx_pipeline.record.output import Output, new_run
from tfx_pipeline.record.run_record import RunRecord, read_record


def test_the_last_manifests_need_no_room_on_a_full_disk(tmp_path: Path) -> None:
    output = new_run(tmp_path)
    rooms = [room.stat().st_ino for room in output.manifest_rooms]
    begin(output, RunRecord("1"))
    write(output, RunRecord("1", status="failed"))
    assert [path.stat().st_ino for path in output.manifests] == rooms
    assert [json.loads(path.read_text())["status"] for path in output.manifests] == ["failed"] * 2
    assert not any(room.exists() for room in output.manifest_rooms)


def test_a_run_whose_process_was_ended_is_a_failed_one_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "runs" / "1").mkdir(parents=True)
    (tmp_path / "runs" / "2").mkdir()
    begin(Output(tmp_path, "1"), RunRecord("1", pushed="serving/7"))
    begin(Output(tmp_path, "2"), RunRecord("2"))
    died = read_record(tmp_path / "runs" / "1" / "run.json")
    assert died is not None
    assert (died.status, died.pushed) == ("failed", "serving/7")
    assert (read_record(tmp_path / "run.json") or died).status == "running"
