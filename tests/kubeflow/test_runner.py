"""kubeflow_runner.py as a person calls it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kubeflow.api_server import api_server

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("KF_", "KFP_", "KUBE"))}


def run(*flags: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "kubeflow_runner.py"), *flags]
    environment = {**ENVIRONMENT, "HOME": str(cwd), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_without_flags_it_writes_the_package_and_says_how_to_upload_it(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written, advice = done.stdout.splitlines()
    assert written == "wrote fashion_mnist_pipeline.yaml"
    assert '"Upload pipeline"' in advice
    assert (tmp_path / "fashion_mnist_pipeline.yaml").read_text().count("\n---\n") == 1


def test_it_uploads_runs_and_ends_with_the_runs_outcome(tmp_path: Path) -> None:
    with api_server() as (host, state):
        done = run("--upload", "--watch", "--host", host, "--param", "epochs=2", "--output", "p.yaml", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "wrote p.yaml",
            "uploaded fashion-mnist of the pipeline fashion-mnist",
            f"started {host}/#/runs/details/run-1",
            f"succeeded {host}/#/runs/details/run-1",
        ]
        assert state.runs[0]["runtime_config"] == {"parameters": {"epochs": 2}}


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--hots", "x"], "error: --hots: unknown flag, did you mean --host?; see --help\n"),
        (["--image-pull-policy", "Sometimes"], "error: --image-pull-policy Sometimes: got 'Sometimes', expected "),
    ],
)
def test_a_mistake_is_one_line_and_another_exit_code(flags: list[str], error: str, tmp_path: Path) -> None:
    done = run(*flags, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_is_one_line_and_another_exit_code(tmp_path: Path) -> None:
    with api_server() as (host, state):
        state.progress = [{"state": "FAILED"}]
        done = run("--watch", "--host", host, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: the run failed; see {host}/#/runs/details/run-1\n"


def test_help_loads_neither_tensorflow_nor_kubeflow(tmp_path: Path) -> None:
    code = "import runpy, sys\nsys.argv[1:] = ['--help']\ntry: runpy.run_path(sys.argv[0], run_name='__main__')\n"
    code += "except SystemExit: pass\nprint(sorted({'tensorflow', 'kfp', 'tfx', 'fsspec'} & set(sys.modules)))"
    command = [sys.executable, "-c", code.replace("sys.argv[0]", repr(str(ROOT / "kubeflow_runner.py")))]
    done = subprocess.run(command, env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)  # noqa: PLW1510
    assert "--serving-pvc" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
