"""A step is run again after what may pass, and not after what will not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.step import backend
from tfx_pipeline.gate.report import DataGateError
from tfx_pipeline.kubeflow.step.executor_input import remove_outputs
from tfx_pipeline.kubeflow.step.supervisor import WAITS, may_pass
from tfx_pipeline.process.errors import UserError

ROOT = Path(__file__).parents[3]

PROGRAM = """
import os, pathlib, signal, sys, time
from tfx_pipeline.kubeflow.step import supervisor
marks = pathlib.Path(sys.argv[1])
{before}
def step():
    number = len(list(marks.iterdir()))
    (marks / str(number)).touch()
    {step}
    return 0
sys.exit(supervisor.supervise(step, lambda: print("cleaned", flush=True)))
"""


def supervised(step: str, marks: Path, waits: str | None = "0 0", before: str = "") -> "subprocess.Popen[str]":
    marks.mkdir()
    environment = {**os.environ, **({WAITS: waits} if waits is not None else {})}
    command = [sys.executable, "-c", PROGRAM.format(step=step, before=before), str(marks)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def outcome(step: str, tmp_path: Path, waits: str | None = "0 0") -> tuple[int, int, str, str]:
    """Exit code, attempts, standard output, and the last line of standard error."""
    process = supervised(step, tmp_path / "marks", waits)
    out, err = process.communicate(timeout=60)
    return process.returncode, len(list((tmp_path / "marks").iterdir())), out, (err.splitlines() or [""])[-1]


def test_a_step_that_succeeds_runs_once(tmp_path: Path) -> None:
    assert outcome("print('done')", tmp_path) == (0, 1, "done\n", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_step_that_a_signal_ended_runs_again_after_cleaning(number: signal.Signals, tmp_path: Path) -> None:
    code, attempts, out, last = outcome(f"number or os.kill(os.getpid(), {int(number)})", tmp_path)
    assert (code, attempts, out) == (0, 2, "cleaned\n")
    assert last == f"the step was ended by {number.name}; it is tried again in 0 s"


def test_a_step_that_is_always_killed_fails_and_says_what_may_help(tmp_path: Path) -> None:
    code, attempts, out, last = outcome("os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert (code, attempts, out) == (1, 3, "cleaned\ncleaned\n")
    assert last == "error: the step was ended by SIGKILL; where its memory ran out, raise memory_limit"


def test_a_passing_error_is_tried_again_and_another_is_not(tmp_path: Path) -> None:
    assert outcome("return 0 if number else supervisor.PASSING", tmp_path)[:2] == (0, 2)
    (tmp_path / "again").mkdir()
    assert outcome("return 1", tmp_path / "again")[:2] == (1, 1)


def test_a_passing_error_that_does_not_pass_is_a_failure(tmp_path: Path) -> None:
    assert outcome("return supervisor.PASSING", tmp_path)[:2] == (1, 3)


def test_without_waits_a_step_runs_once(tmp_path: Path) -> None:
    assert outcome("os.kill(os.getpid(), signal.SIGKILL)", tmp_path, waits=None)[:2] == (1, 1)


def test_what_a_killed_step_started_does_not_outlive_it(tmp_path: Path) -> None:
    start = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True)"
    _, _, out, _ = outcome(f"{start}; number or os.kill(os.getpid(), signal.SIGKILL); p.kill(); p.wait()", tmp_path)
    first = int(out.split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_signal_that_asks_to_end_reaches_the_step_and_is_final(tmp_path: Path) -> None:
    process = supervised("time.sleep(60)", tmp_path / "marks")
    while not list((tmp_path / "marks").iterdir()):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_a_signal_that_comes_while_the_step_is_started_reaches_it(tmp_path: Path) -> None:
    before = "fork = os.fork\ndef fork_and_signal():\n    child = fork()\n"
    before += "    if child: os.kill(os.getpid(), signal.SIGTERM)\n    return child\nos.fork = fork_and_signal"
    process = supervised("time.sleep(60)", tmp_path / "marks", before=before)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


class UnavailableError(Exception):
    """Named like TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (OSError(5, "Input/output error"), True),
        (UnavailableError(), True),
        (OSError(28, "No space left on device"), False),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (ValueError(), False),
        (MemoryError(), False),
        (UserError("wrong"), False),
        (DataGateError("wrong"), False),
    ],
)
def test_what_may_pass(error: Exception, passes: bool) -> None:
    wrapped = RuntimeError("a worker failed")
    wrapped.__cause__ = error
    assert (may_pass(error), may_pass(wrapped)) == (passes, passes)


def test_an_error_that_a_user_can_mend_is_final_whatever_led_to_it() -> None:
    error = UserError("the mirror cannot be reached; give --data-dir")
    error.__cause__ = ConnectionResetError()
    assert not may_pass(error)


def test_outputs_are_removed_and_the_launchers_log_is_not(tmp_path: Path) -> None:
    folder, file, log = (tmp_path / name for name in ("model", "report", "executor-logs-0"))
    folder.mkdir()
    (folder / "part").touch()
    file.touch()
    log.touch()
    (tmp_path / ".temp").mkdir()
    keys = {"model": folder, "report": file, "executor-logs": log, "absent": tmp_path / "absent"}
    artifacts: dict[str, Any] = {key: backend.provisioned(key, str(path), {}) for key, path in keys.items()}
    message = {"outputs": {"artifacts": artifacts, "outputFile": str(tmp_path / "output_metadata.json")}}
    remove_outputs(json.loads(json.dumps(message)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["executor-logs-0"]
