"""Starts many programs of the project without loading the libraries anew for each: a process that has them forks.

It has nothing of the project: that, a program reads from the checkout that it is started in.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

SERVER = """
import gc, json, logging, os, runpy, signal, subprocess, sys, tempfile, traceback
import apache_beam, jinja2, keras_tuner, kfp.compiler, kfp.kubernetes, matplotlib.pyplot, ml_metadata
import pydantic, rich.live
import tensorflow_data_validation, tensorflow_model_analysis, tensorflow_transform.beam
import tfx.components, tfx.orchestration.local.local_dag_runner
import tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner
import tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor

def run(request):
    os.setsid()
    file = os.open(request["console"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for descriptor, source in enumerate((os.open(os.devnull, os.O_RDONLY), file, file)):
        os.dup2(source, descriptor)
    if request["root"]:
        enter(*request["root"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    tempfile.tempdir = None
    logging.basicConfig(handlers=[], level=logging.WARNING, force=True)  # a library's, which came first
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    sys.stdout.reconfigure(write_through="PYTHONUNBUFFERED" in os.environ)
    sys.argv = request["arguments"]
    code = 1
    try:
        if sys.argv[0] == "-m":
            del sys.argv[0]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

def enter(root, *command):
    # What unshare --user --map-root-user --mount COMMAND and chroot ROOT do.
    ids = {"uid_map": os.getuid(), "gid_map": os.getgid()}
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
    for name, text in {"setgroups": "deny", **{name: f"0 {number} 1" for name, number in ids.items()}}.items():
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(command, check=True)
    os.chroot(root)

gc.freeze()
print("ready", flush=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    request = json.loads(line)
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        process = os.fork()
        if process == 0:
            run(request)
        print(process, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with open(request["console"] + ".new", "w") as file:
            file.write(str(code))
        os.rename(request["console"] + ".new", request["console"] + ".code")
        os._exit(0)
"""


@dataclass
class Process:
    """A run that goes on in a session, and so a process group, of its own."""

    id: int
    console_file: Path
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

    def wait(self, seconds: float = 600) -> int:
        """Waits for its end and returns the exit code; minus the number of a signal that ended it.

        Raises:
            TimeoutError: It goes on.
        """
        file, end = self.console_file.with_name(f"{self.console_file.name}.code"), time.monotonic() + seconds
        while not file.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"goes on after {seconds} s:\n{self.console}")
            time.sleep(0.01)
        return int(file.read_text())

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
    """Starts runs, also several at once."""

    def __init__(self, server: subprocess.Popen[str], directory: Path) -> None:
        self._server = server
        self._consoles = (directory / f"console-{number}" for number in itertools.count())

    def seen_from_here(self, path: Path) -> Path:
        """A path of the processes that are started, as this one finds it where they have mounts of their own."""
        return Path(f"/proc/{self._server.pid}/root{path}")

    def start(self, *flags: str) -> Process:
        """Starts this checkout's local_runner.py."""
        return self.start_program("local_runner.py", *flags)

    def start_program(
        self,
        *arguments: str,
        folder: str | Path = ROOT,
        environment: Mapping[str, str] | None = None,
        console: Path | None = None,
        root: tuple[str, ...] = (),
    ) -> Process:
        """Starts a Python program.

        Args:
            arguments: A file, or -m and a module, and what it is given.
            folder: Where it starts.
            environment: All its variables; without one, those of this process.
            console: Receives what it writes.
            root: A folder that becomes its root directory, and a command that fills it in mounts of its own.
        """
        console, begin = console or next(self._consoles), time.time()
        request = {"console": str(console), "arguments": arguments, "folder": str(folder), "root": root}
        request["environment"] = dict(os.environ if environment is None else environment)
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return Process(int(self._server.stdout.readline()), console, begin)


@contextlib.contextmanager
def prefork(directory: Path, *wrapper: str) -> Iterator[Runs]:
    """Loads the libraries once.

    Args:
        directory: Receives what the runs write for the person.
        wrapper: A command that runs another, for the process that has the libraries and all that it starts.
    """
    errors = (directory / "server.log").open("w")
    command = [*wrapper, sys.executable, "-c", SERVER]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as server:
        assert server.stdout.readline() == "ready\n", (directory / "server.log").read_text()
        yield Runs(server, directory)
        server.stdin.close()
    errors.close()
