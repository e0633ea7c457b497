"""A real Flink session cluster on loopback: JobManager, TaskManagers, Beam's job server and a pool of Beam's workers.

In a test, on free ports, ended with it::

    from tools.flink_cluster import session_cluster

    with session_cluster(tmp_path / "flink") as cluster:
        local_runner(output, *cluster.flags)  # --beam-runner flink --flink 127.0.0.1:40001 ...
        cluster.processes["taskmanager-2"].kill()
        assert cluster.ask("/jobs/overview")["jobs"] == []

What each process says is in ``tmp_path / "flink" / NAME.log``. ``tools/flink`` runs this file for a person.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.files import write_atomically
from tools.flink_parts import jars, sent_with_jobs
from tools.ports import HOST, held_ports

TASK_MANAGERS: Final = 2
SLOTS: Final = 1
PORTS: Final = (8081, 8099, 50000)
"""Of REST API, job server and workers, as a person types them."""
_ROOT: Final = Path(__file__).parents[1]
_PATIENCE_SECONDS: Final = 240
_OPENED: Final = ("lang", "util", "nio", "time", "net", "io", "text", "lang.reflect", "util.concurrent")
_MEGABYTE: Final = 1024 * 1024

_JAVA: Final = (
    "java",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in _OPENED),
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)
MEMORY: Final[Mapping[str, int]] = {
    "framework.heap.size": 128,
    "task.heap.size": 256,
    "framework.off-heap.size": 96,
    "task.off-heap.size": 32,
    "managed.size": 128,
    "network.min": 128,
    "network.max": 128,
    "jvm-metaspace.size": 320,
    "jvm-overhead.min": 64,
    "jvm-overhead.max": 64,
}
"""Megabytes of a TaskManager by Flink's options ``taskmanager.memory.*``."""
_SHUFFLE: Final[Mapping[str, Any]] = {
    # The evaluator's graph has hundreds of shuffles at once. With a buffer for each reader of each, instead of 512 for
    # each writer, and with small buffers, 128 MB carry it.
    "taskmanager.network.sort-shuffle.min-parallelism": 1000,
    "taskmanager.memory.segment-size": "8kb",
    "taskmanager.memory.framework.off-heap.batch-shuffle.size": "32m",
}


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        rest: ``HOST:PORT`` of the JobManager's REST API.
        job_server: ``HOST:PORT`` of Beam's job server.
        worker_pool: ``HOST:PORT`` where TaskManagers ask for workers.
        folder: Where each process writes its log.
        processes: By name: jobmanager, taskmanager-1 ..., job-server, worker-pool.
    """

    rest: str
    job_server: str
    worker_pool: str
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def flags(self) -> list[str]:
        """What the runners take for it."""
        places = {"job_server": self.job_server, "worker_pool": self.worker_pool}
        keys = [word for key, value in places.items() for word in ("--set", f"beam.{key}={value}")]
        return ["--beam-runner", "flink", "--flink", self.rest, *keys]

    def ask(self, path: str) -> Any:
        """What the JobManager's REST API answers, decoded.

        Raises:
            OSError: It does not answer.
        """
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{self.rest}{path}", timeout=10) as answer:
            return json.load(answer)

    def start(self, name: str, *command: str) -> None:
        """Starts one process, in a group of its own, whose output goes to its log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def start_job_manager(self) -> None:
        """Starts the JobManager."""
        entry = "entrypoint.StandaloneSessionClusterEntrypoint"
        self._start_flink("jobmanager", entry, {}, "-Xmx384m", "-XX:MaxMetaspaceSize=192m", mode=True)

    def start_task_manager(self, number: int, slots: int = SLOTS) -> None:
        """Starts ``taskmanager-NUMBER``, which joins the cluster."""
        sizes = {f"taskmanager.memory.{name}": f"{size}m" for name, size in MEMORY.items()}
        own = {"taskmanager.numberOfTaskSlots": slots, "taskmanager.cpu.cores": slots}
        own |= {"taskmanager.resource-id": f"taskmanager-{number}", **sizes}
        direct = MEMORY["framework.off-heap.size"] + MEMORY["task.off-heap.size"] + MEMORY["network.max"]
        heap = MEMORY["framework.heap.size"] + MEMORY["task.heap.size"]
        limits = (f"-Xmx{heap}m", f"-XX:MaxDirectMemorySize={direct}m")
        metaspace = f"-XX:MaxMetaspaceSize={MEMORY['jvm-metaspace.size']}m"
        self._start_flink(f"taskmanager-{number}", "taskexecutor.TaskManagerRunner", own, *limits, metaspace)

    def _start_flink(self, name: str, entry: str, own: Mapping[str, Any], *java: str, mode: bool = False) -> None:
        work = self.folder / name
        work.mkdir(exist_ok=True)
        words = [f"-D{key}={value}" for key, value in {"io.tmp.dirs": work, **own}.items()]
        main = (f"org.apache.flink.runtime.{entry}", "--configDir", str(self.folder))
        mode_words = ("--executionMode", "cluster") if mode else ()
        self.start(name, *_JAVA, *java, "-cp", f"{jars()}/*", *main, *mode_words, *words)

    def start_job_server(self) -> None:
        """Starts Beam's job server."""
        places = {
            "flink-master": self.rest,
            "flink-conf-dir": self.folder,
            "job-host": HOST,
            "job-port": self.job_server.rpartition(":")[2],
            "artifact-port": 0,
            "expansion-port": -1,
            "artifacts-dir": self.folder / "artifacts",
        }
        main = "org.apache.beam.runners.flink.FlinkJobServerDriver"
        words = [f"--{name}={value}" for name, value in places.items()]
        sent, known = sent_with_jobs(list(jars().glob("*.jar")))
        paths = (f"-Xbootclasspath/a:{':'.join(map(str, known))}", "-cp", ":".join(map(str, sent)))
        self.start("job-server", *_JAVA, "-Xmx384m", *paths, main, *words)

    def start_worker_pool(self) -> None:
        """Starts the pool of Beam's workers, in the checkout, where they find the project's code."""
        self.start("worker-pool", sys.executable, "-m", "tfx_pipeline.beam.worker_pool", self.worker_pool)

    def stop(self) -> None:
        """Ends every process that was started, workers too."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def session_cluster(
    folder: Path, task_managers: int = TASK_MANAGERS, slots: int = SLOTS, ports: tuple[int, ...] = (0, 0, 0)
) -> Iterator[Cluster]:
    """Runs a cluster on loopback for as long as the context lasts.

    Args:
        folder: For logs and temporary files; made when it is absent.
        task_managers: How many there are.
        slots: Of each TaskManager.
        ports: Of REST API, job server and worker pool; any free one for a 0.

    Yields:
        The cluster, ready to take jobs.

    Raises:
        UserError: Its parts cannot be had, a port is taken, or a process ended.
    """
    with contextlib.ExitStack() as stack:
        *shown, rpc = stack.enter_context(held_ports(*ports, 0))
        folder.mkdir(parents=True, exist_ok=True)
        cluster = Cluster(*(f"{HOST}:{port}" for port in shown), folder.absolute())
        (folder / "config.yaml").write_text(json.dumps(_configuration(cluster, rpc)))
        stack.callback(cluster.stop)
        cluster.start_job_manager()
        for number in range(task_managers):
            cluster.start_task_manager(number + 1, slots)
        cluster.start_job_server()
        cluster.start_worker_pool()
        _wait(cluster, task_managers)
        yield cluster


def _configuration(cluster: Cluster, rpc: int) -> dict[str, Any]:
    """What every process of Flink reads; JSON is YAML."""
    return {
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": int(cluster.rest.rpartition(":")[2]),
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": HOST,
        "jobmanager.memory.process.size": "768m",
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        # A busy machine answers late.
        "pekko.ask.timeout": "120 s",
        "heartbeat.timeout": 120_000,
        # How old may be what is told of a job, in milliseconds; by itself 3 s, more than some jobs take.
        "web.refresh-interval": 100,
        # A job brings no classes that the TaskManagers have not, and need not load any anew.
        "classloader.resolve-order": "parent-first",
        **_SHUFFLE,
    }


def _wait(cluster: Cluster, task_managers: int) -> None:
    """Waits until every part answers."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(cluster, task_managers):
        for name, process in cluster.processes.items():
            if process.poll() is not None:
                log = cluster.folder / f"{name}.log"
                raise UserError(f"{name}: ended with {process.returncode} at its start: {_last_cause(log)}; see {log}")
        if time.monotonic() > end:
            raise UserError(f"the cluster is not ready after {_PATIENCE_SECONDS} s; see {cluster.folder}/*.log")
        time.sleep(0.2)


def _last_cause(log: Path) -> str:
    """The last line that is no part of a stack: Java writes the first cause last, Python the error."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line[:1].strip()]
    return lines[-1] if lines else "it said nothing"


def _is_ready(cluster: Cluster, task_managers: int) -> bool:
    try:
        for place in (cluster.job_server, cluster.worker_pool):
            host, _, port = place.rpartition(":")
            socket.create_connection((host, int(port)), 1).close()
        return bool(cluster.ask("/overview")["taskmanagers"] == task_managers)
    except OSError:
        return False


def serve(folder: Path) -> None:
    """Runs a cluster for ``tools/flink`` until a signal; writes the flags for it to ``flags`` when it is ready.

    Raises:
        UserError: As ``session_cluster``, or a variable is no number.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    task_managers, slots = _numbers("FLINK_TASK_MANAGERS", 1, TASK_MANAGERS)[0], _numbers("FLINK_SLOTS", 1, SLOTS)[0]
    with session_cluster(folder, task_managers, slots, tuple(_numbers("FLINK_PORTS", 3, *PORTS))) as cluster:
        write_atomically(folder / "flags", f"{' '.join(cluster.flags)}\n")
        threading.Event().wait()


def _numbers(variable: str, count: int, *default: int) -> list[int]:
    words = os.environ.get(variable, "").split() or [str(number) for number in default]
    if len(words) != count or not all(word.isdecimal() and int(word) for word in words):
        raise UserError(f"{variable}={' '.join(words)}: expected {count} number(s) above 0")
    return [int(word) for word in words]


def status(folder: Path) -> None:
    """Prints what the cluster of ``tools/flink`` has and does.

    Raises:
        UserError: Its JobManager does not answer.
    """
    flags = (folder / "flags").read_text().split()
    rest = flags[flags.index("--flink") + 1]
    try:
        told = Cluster(rest, "", "", folder)
        overview, jobs = told.ask("/overview"), told.ask("/jobs/overview")["jobs"]
    except OSError as error:
        raise UserError(f"{rest}: the JobManager does not answer ({error}); see {folder}/jobmanager.log") from error
    print(f"TaskManagers  {overview['taskmanagers']}")
    print(f"slots         {overview['slots-total']}, {overview['slots-available']} free")
    print(f"running jobs  {', '.join(job['name'] for job in jobs if job['state'] == 'RUNNING') or 'none'}")
    print(f"flags         {' '.join(flags)}")


def main(arguments: list[str]) -> int:
    """``FOLDER`` or ``--status FOLDER``; returns the exit code."""
    try:
        (status if "--status" in arguments else serve)(Path(arguments[-1]))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
