"""Beam's own job server and a pool of workers, as a program of their own on loopback.

What they run sees this machine's files and none of a pod's, as on any cluster.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.small_run import ROOT


class RemoteBeam(NamedTuple):
    """The addresses of a job server and of a pool of workers, HOST:PORT."""

    jobs: str
    workers: str

    @property
    def options(self) -> list[str]:
        """Beam's options for it."""
        return [
            "--runner=PortableRunner", f"--job_endpoint={self.jobs}",
            "--environment_type=EXTERNAL", f"--environment_config={self.workers}",
        ]  # fmt: skip


@contextmanager
def remote_beam() -> Iterator[RemoteBeam]:
    """Starts both, and ends them with the block."""
    command = [sys.executable, "-m", __name__]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdin
        assert process.stdout
        try:
            yield RemoteBeam(*process.stdout.readline().split())
        finally:
            process.stdin.close()


def serve() -> None:
    """Prints the addresses, and serves until standard input ends."""
    from apache_beam.runners.portability.local_job_service import LocalJobServicer  # noqa: PLC0415
    from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer  # noqa: PLC0415

    workers, pool = BeamFnExternalWorkerPoolServicer.start()
    with tempfile.TemporaryDirectory() as staging:
        servicer = LocalJobServicer(staging)
        port = servicer.start_grpc_server(0)
        sys.stdout.write(f"localhost:{port} {workers}\n")
        sys.stdout.flush()
        sys.stdin.read()
        pool.stop(0)
        servicer.stop(0)


if __name__ == "__main__":
    serve()
