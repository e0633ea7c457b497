"""Where output goes during a run."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tfx_pipeline.process.log import captured_output

PROGRAM = """
import logging, os, subprocess, sys
from pathlib import Path
from tfx_pipeline.process.log import captured_output
with captured_output(Path(sys.argv[1])) as console:
    print("from Python")
    os.write(2, b"from C\\n")
    subprocess.run(["echo", "from a child"])
    logging.getLogger("library").info("from a logger")
    console.write("for the person\\n")
    console.flush()
print("after the run")
"""


def test_everything_but_the_console_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout == "for the person\nafter the run\n"
    assert done.stderr == ""
    for text in ("from Python", "from C", "from a child", "INFO library: from a logger"):
        assert text in log.read_text()


SECRETS = """
import logging, os, subprocess, sys
from pathlib import Path
from tfx_pipeline.process.log import captured_output
with captured_output(Path(sys.argv[1])):
    secret = os.environ["MINIO_SECRET_KEY"]
    print("Python", secret)
    os.write(2, f"C {secret} https://user:{secret}@host/ https://host/?sig=abcdef\\n".encode())
    subprocess.run(["sh", "-c", 'echo "a child $MINIO_SECRET_KEY"'])
    try:
        raise ValueError(f"refused: {secret}")
    except ValueError:
        logging.exception("a traceback")
"""


def test_secrets_are_not_in_the_log_whoever_says_them(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    environment = os.environ | {"MINIO_SECRET_KEY": "pa55-w0rd"}
    subprocess.run([sys.executable, "-c", SECRETS, str(log)], cwd=ROOT, env=environment, check=True)
    text = log.read_text()
    assert "pa55-w0rd" not in text
    assert "abcdef" not in text
    for expected in (
        "Python [redacted]",
        "C [redacted] https://",
        "a child [redacted]",
        "ValueError: refused: [redacted]",
    ):
        assert expected in text


ARRAYS = """
import logging, os, sys
from pathlib import Path
import numpy as np
from tfx_pipeline.process.log import captured_output
np.set_printoptions(threshold=10**9)
with captured_output(Path(sys.argv[1])) as console:
    try:
        raise ValueError(f"outputs: {np.full((100, 300), np.nan)} end")
    except ValueError:
        logging.exception("a traceback")
    print(np.zeros(99_999).tolist(), "after")
"""


def test_arrays_are_not_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    subprocess.run([sys.executable, "-c", ARRAYS, str(log)], cwd=ROOT, check=True)
    text = log.read_text()
    assert text.count("nan") < 200
    assert len(text) < 5_000
    for expected in ("a traceback", "Traceback (most recent call last)", "ValueError: outputs: [...]", "end", "after"):
        assert expected in text


FULL = """
import os, resource, sys
from pathlib import Path
from tfx_pipeline.process.log import captured_output
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with captured_output(Path(sys.argv[1])) as console:
    for number in range(20_000):
        print("line", number, flush=True)
    console.write("ended\\n")
print("after the run")
"""


def test_a_log_that_finds_no_room_costs_neither_the_run_nor_the_console(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = subprocess.run([sys.executable, "-c", FULL, str(log)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "ended\nafter the run\n"
    assert done.stderr == ""
    assert log.stat().st_size == 100_000


def test_the_end_of_the_log_waits_for_room(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    source, pipe = os.pipe()
    with log.open("w") as file:
        command = [sys.executable, "-m", "tfx_pipeline.process.log_writer"]
        writer = subprocess.Popen(command, cwd=ROOT, stdin=source, stdout=file)
    os.close(source)
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    os.write(pipe, b"the first line\n")
    while log.stat().st_size < 10:
        time.sleep(0.01)
    resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.write(pipe, b"the last line")
    os.close(pipe)
    assert writer.wait() == 0
    assert log.read_text() == "the first line\nthe last line"


def test_a_log_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"run\.log"), captured_output(tmp_path / "nowhere" / "run.log"):
        pass
