"""What a run on this machine refuses before it begins, and what it says where its results cannot be read."""

import errno
import json
import os
from pathlib import Path

import pytest

from tests.small_run import command_line
from tfx_pipeline.config.sections import Config, RunConfig
from tfx_pipeline.local import run as local_run
from tfx_pipeline.local.run import run
from tfx_pipeline.process.errors import UserError

NAMES = ("sib?", "run [1]", "*", "back\\slash", "x[", "out/a?b/deeper")
PATTERN = r"^--output-dir .*: has .*, by which TensorFlow and Apache Beam mean other files as well; give a folder"


@pytest.mark.parametrize("name", NAMES)
def test_an_output_directory_that_is_a_pattern_is_refused_and_not_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=PATTERN):
        run(Config(run=RunConfig(output_dir=tmp_path / name)))
    assert not list(tmp_path.iterdir())


def test_a_folder_above_that_is_a_pattern_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a [b]").mkdir()
    monkeypatch.chdir(tmp_path / "a [b]")
    with pytest.raises(UserError, match=PATTERN):
        run(Config())


@pytest.mark.parametrize("how", ["set", "file"])
def test_a_pattern_is_refused_however_it_is_given(how: str, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(f"[run]\noutput_dir = '{tmp_path}/sib?'\n")
    flags = {"set": ("--set", f"run.output_dir={tmp_path}/sib?"), "file": ("--config", str(tmp_path / "my.toml"))}
    done = command_line(tmp_path, *flags[how])
    assert done.code == 2
    assert done.console.startswith(f"error: --output-dir {tmp_path}/sib?: has ?, by which")
    assert done.console.count("\n") == 1


def test_a_run_whose_results_cannot_be_read_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "metadata.db"))

    monkeypatch.setattr(local_run, "_run", lambda *_: None)
    monkeypatch.setattr(local_run, "_with_results", full)
    monkeypatch.setattr(local_run.signals, "ignore", lambda: None)  # this process goes on
    assert run(Config(run=RunConfig(output_dir=tmp_path))) == 1
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"].startswith(f"{tmp_path}/metadata.db: the disk is full; make room there")
