"""Starts many runs of local_runner.py without loading TensorFlow anew for each: a process that has it forks."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.small_run import ROOT

SERVER = """
import os, sys, traceback
import tfx_pipeline.local.execution
import local_runner
print("ready", flush=True)
for request in sys.stdin:
    console, *arguments = request.rstrip("\\n").split("\\t")
    process = os.fork()
    if process == 0:
        os.setsid()
        null, file = os.open(os.devnull, os.O_RDONLY), os.open(console, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for descriptor, source in enumerate((null, file, file)):
            os.dup2(source, descriptor)
        sys.argv = ["local_runner.py", *arguments]
        code = 1
        try:
            code = local_runner.main()
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@dataclass
class Process:
    """A run that goes on in a session, and so a process group, of its own."""

    id: int
    console_file: Path
    server: subprocess.Popen[str]
    begin: float

    @property
    def console(self) -> str:
        """What it wrote for the person so far."""
        return self.console_file.read_text() if self.console_file.exists() else ""

    def wait_for(self, *texts: str, seconds: float = 300) -> None:
        """Waits until the console shows one of the texts."""
        end = time.monotonic() + seconds
        while not any(text in self.console for text in texts):
            assert time.monotonic() < end, f"none of {texts} in:\n{self.console}"
            time.sleep(0.01)

    def wait_in(self, output: Path, component: str, seconds: float = 300) -> None:
        """Waits until this run's log in an output directory says that a component begins."""
        end = time.monotonic() + seconds
        while f"[{component}] Resolved inputs" not in log_since(self.begin, output):
            assert time.monotonic() < end, f"{component} does not begin:\n{self.console}"
            time.sleep(0.01)

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Sends a signal to the whole process group and returns the exit code."""
        # The process may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.id, number)
        return self.wait()

    def wait(self) -> int:
        """Waits for its end and returns the exit code; minus the number of a signal that ended it."""
        return int(self.server.stdout.readline())

    def left_over(self, seconds: float = 2) -> list[int]:
        """Processes of its group that live on; one that was killed with it takes a moment to go."""
        end = time.monotonic() + seconds
        while (found := self._group()) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def _group(self) -> list[int]:
        groups = {int(path.name): path.joinpath("stat") for path in Path("/proc").iterdir() if path.name.isdecimal()}
        found = []
        for process, stat in groups.items():
            with contextlib.suppress(OSError):
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.id and state != "Z":
                    found.append(process)
        return found


def log_since(begin: float, output: Path) -> str:
    """What was logged by the run that began at a time, in seconds since 1970; "" where it logged nothing yet."""
    logs = [log for log in (output / "runs").glob("*/run.log") if log.stat().st_mtime > begin]
    return logs[0].read_text(errors="replace") if logs else ""


class Runs:
    """Starts runs, one after the other."""

    def __init__(self, server: subprocess.Popen[str], console_file: Path) -> None:
        self._server = server
        self._console_file = console_file

    def seen_from_here(self, path: Path) -> Path:
        """A path of the processes that are started, as this one finds it where they have mounts of their own."""
        return Path(f"/proc/{self._server.pid}/root{path}")

    def start(self, *arguments: str) -> Process:
        """Starts local_runner.py; the one before must have ended and been waited for."""
        self._console_file.unlink(missing_ok=True)
        begin = time.time()
        self._server.stdin.write("\t".join([str(self._console_file), *arguments]) + "\n")
        self._server.stdin.flush()
        process = int(self._server.stdout.readline())
        return Process(process, self._console_file, self._server, begin)


@contextlib.contextmanager
def prefork(directory: Path, *wrapper: str) -> Iterator[Runs]:
    """Loads the libraries once.

    Args:
        directory: Receives what the run that goes on writes for the person.
        wrapper: A command that runs another, for the process that has the libraries and all that it starts.
    """
    errors = (directory / "server.log").open("w")
    command = [*wrapper, sys.executable, "-c", SERVER]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as server:
        assert server.stdout.readline() == "ready\n", (directory / "server.log").read_text()
        yield Runs(server, directory / "console")
        server.stdin.close()
    errors.close()
