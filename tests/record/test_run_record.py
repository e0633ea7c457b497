"""run.json is one schema, which is read back as it was written."""

from pathlib import Path

import pytest

from tests.small_run import Run
from tfx_pipeline.record.run_record import RunRecord, read_record


def test_a_runs_manifest_is_read_back_to_the_last_field(first_run: Run) -> None:
    path = first_run.output / "run.json"
    record = read_record(path)
    assert record is not None
    assert record.data is not None
    assert record.data.counts == {"train": 1000, "eval": 1000}
    assert record.text() == path.read_text()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"run_id": "1", "status": "asleep"}'])
def test_what_is_no_manifest_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content)
    assert read_record(tmp_path / "run.json") is None
    assert read_record(tmp_path / "nowhere.json") is None


def test_secrets_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    record = RunRecord("1", error="s3://user:hunter22@host/data: no such bucket")
    assert "hunter22" not in record.text()
