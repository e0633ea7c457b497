"""Where output goes during a run."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging, os, subprocess, sys
from pathlib import Path
from tfx_pipeline.local.log import captured_output
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
