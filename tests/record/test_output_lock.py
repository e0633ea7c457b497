"""One run at a time in an output directory."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output_lock import LOCK, exclusive

HOLD = """
import sys, time
from pathlib import Path
from tfx_pipeline.record.output_lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds tmp_path/output until its input is closed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "output")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_with_process_and_start_of_the_first(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error, exclusive(tmp_path / "output"):
        pass
    expected = (
        rf"{tmp_path}/output: in use by process {holder.pid}, which started at \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S+; "
    )
    assert re.match(expected, str(error.value))
    assert "give another --output-dir" in str(error.value)


def test_a_run_in_a_container_is_named_by_the_process_that_the_host_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHION_MNIST_HOST_PID", "4242")
    with (
        exclusive(tmp_path),
        pytest.raises(UserError, match=r"in use by process 4242, which started at "),
        exclusive(tmp_path),
    ):
        pass


def test_another_directory_is_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with exclusive(tmp_path / "other") as died:
        assert died is None


def test_a_lock_of_a_dead_process_is_noticed_and_taken_over(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with exclusive(tmp_path / "output") as died:
        assert died is not None
        assert died.startswith(f"process {holder.pid}, which started at 20")
        assert json.loads((tmp_path / "output" / LOCK).read_text())["pid"] == os.getpid()
    with exclusive(tmp_path / "output") as died:
        assert died is None


def test_a_run_that_fails_lets_go_without_a_trace(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        raise ZeroDivisionError
    with exclusive(tmp_path) as died:
        assert died is None


def test_a_process_in_another_container_is_named_with_its_host(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"pid": 7, "host": "4f1c", "started": "2026-01-02 03:04:05+00:00"}\n')
    with exclusive(tmp_path) as died:
        assert died == "process 7 on 4f1c, which started at 2026-01-02 03:04:05+00:00"


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"pid": 7}', "\0"])
def test_a_lock_file_that_says_nothing_usable_is_taken(content: str, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(content)
    with exclusive(tmp_path) as died:
        assert died is None


def test_a_link_may_lead_to_a_folder_still_to_be_made_on_a_disk_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "output").symlink_to("disk/out")
    with exclusive(tmp_path / "output"):
        assert (tmp_path / "disk" / "out" / LOCK).is_file()
    (tmp_path / "lost").symlink_to("unmounted/disk/out")
    with pytest.raises(UserError, match="lost: cannot be written: No such file"), exclusive(tmp_path / "lost"):
        pass
    assert not (tmp_path / "unmounted").exists()
