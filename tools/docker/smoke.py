"""Proves that an image can do its work: run inside it by ``tools/image smoke``, under the harshest rules of a cluster.

Those are an arbitrary user of group 0, a root file system that is read only, no capability, no shell. What a person
would see of the pipeline is printed; the exit code is 0 where everything held.
"""

import importlib
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

OUTPUT = Path("/output")
FORBIDDEN = ("cc", "gcc", "g++", "c++", "ld", "make", "pip", "pip3", "uv", "pytest")
"""Programs of a development machine."""

MODULES = (
    "tfx_pipeline.kubeflow.entrypoint",
    "tfx_pipeline.kubeflow.client.server",
    "tfx_pipeline.beam.worker_pool",
    "tfx_pipeline.data.tfds_download",
    "tfx_pipeline.steps.git.checkout",
    "tensorflow_datasets",
    "s3fs",
    "gcsfs",
    "apache_beam.runners.dataflow.dataflow_runner",
    "apache_beam.runners.portability.flink_runner",
)
"""What a step imports that a run on one machine does not."""

LEAST_ACCURACY = 0.86


def check(holds: bool, what: str) -> None:
    """Ends the test where something does not hold.

    Args:
        holds: Whether it does.
        what: What should be.
    """
    if not holds:
        sys.exit(f"smoke test: {what}: not so")


def run(*command: str) -> None:
    """Runs a command, its output shown.

    Args:
        command: The program and its arguments.
    """
    # A failure must end this program with a message of its own, not with a traceback.
    check(subprocess.run(command, check=False).returncode == 0, f"{' '.join(command)} succeeds")


def check_rules() -> None:
    """Checks the user, the file systems, and that nothing is there which has no business in production."""
    check(os.getuid() not in (0, 1000) and os.getgid() == 0, "an arbitrary user of group 0")
    for folder in ("/", "/app", "/opt/venv", "/home/app"):
        check(os.statvfs(folder).f_flag & os.ST_RDONLY != 0, f"{folder} is read only")
    state = Path("/home/app").stat()
    check(
        state.st_gid == 0 and state.st_mode & stat.S_IRWXG == stat.S_IRWXG, "the work folder can be written by group 0"
    )
    check(not os.access("/bin/sh", os.X_OK), "no shell")
    for program in FORBIDDEN:
        check(shutil.which(program) is None, f"no {program}")
    check(not list(Path("/app").rglob("test*")), "no tests of the project")


def check_imports() -> None:
    """Imports what steps need on a cluster, and asks the programs of source-checkout for their versions."""
    for name in MODULES:
        importlib.import_module(name)
    run("git", "--version")
    run("ssh", "-V")


def check_pipeline() -> None:
    """Runs the whole pipeline on the real images and reads its manifest; then writes the package for Kubeflow."""
    run("python3", "/app/local_runner.py", "--output-dir", str(OUTPUT), *sys.argv[1:])
    manifest = json.loads((OUTPUT / "run.json").read_text())
    check(manifest["status"] == "succeeded", "the run succeeded")
    check(manifest["metrics"]["accuracy"] >= LEAST_ACCURACY, f"accuracy is {LEAST_ACCURACY} or more")
    check(manifest["blessed"] and Path(manifest["pushed"], "saved_model.pb").is_file(), "a model is pushed")
    run("python3", "/app/kubeflow_runner.py", "--output", "/tmp/package.yaml")  # noqa: S108


if __name__ == "__main__":
    check_rules()
    check_imports()
    check_pipeline()
    sys.stdout.write("smoke test: everything held\n")
