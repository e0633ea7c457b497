"""How long a program that downloads may stay silent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tfx_pipeline.data.fetch import SourceUnavailableError, run_watched


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_program_that_computes_is_not_silent(work: Path) -> None:
    code = "import time\nwhile time.process_time() < 1.5: pass"
    assert run_watched([sys.executable, "-c", code], work, (0.7,)).code == 0


def test_a_child_that_computes_is_not_silent(work: Path) -> None:
    code = f"{sys.executable} -c 'import time\nwhile time.process_time() < 1.5: pass'; true"
    assert run_watched(["sh", "-c", code], work, (0.7,)).code == 0


def test_a_program_that_computes_for_ever_is_ended(work: Path) -> None:
    start = time.monotonic()
    with pytest.raises(SourceUnavailableError, match=r"nothing arrived for 0\.1 s"):
        run_watched([sys.executable, "-c", "while True: pass"], work, (0.1,))
    assert time.monotonic() - start < 15


def test_a_program_that_got_nothing_is_tried_once_more(work: Path, tmp_path: Path) -> None:
    code = 'if [ -e "$0" ]; then echo x >file; else touch "$0"; exec sleep 60; fi'
    tries = tmp_path / "tried"
    assert run_watched(["sh", "-c", code, str(tries)], work, (0.5,), directory=work).code == 0
    assert (work / "file").exists()


def test_a_program_that_never_gets_anything_is_tried_twice_and_ended(work: Path, tmp_path: Path) -> None:
    code = 'echo x >>"$0"; exec sleep 60'
    start = time.monotonic()
    with pytest.raises(SourceUnavailableError, match=r"nothing arrived for 1\.5 s"):
        run_watched(["sh", "-c", code, str(tmp_path / "tried")], work, (1.5,))
    assert (tmp_path / "tried").read_text() == "x\nx\n"
    assert time.monotonic() - start < 10


WATCH = """
import sys
from pathlib import Path
from tfx_pipeline.data.fetch import run_watched
code = 'echo started; touch "$0"; sleep 1'
run_watched(["sh", "-c", code, sys.argv[2]], Path(sys.argv[1]), (2.0,))
"""


def test_time_that_a_busy_machine_keeps_from_both_does_not_count(work: Path, tmp_path: Path) -> None:
    """The watcher and the program are stopped for longer than its patience, as if others had all processors."""
    started = tmp_path / "started"
    command = [sys.executable, "-c", WATCH, str(work), str(started)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(3)
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait() == 0
