"""What a model's file does to end the program: the run has failed, whatever an earlier one came to."""

import json
from pathlib import Path

import pytest

from tests.small_run import QUICK, ROOT, checkout, local_runner
from tfx_pipeline.data import sources

pytestmark = pytest.mark.e2e

ENDINGS = {
    "sys.exit": "import sys; sys.exit(0)",
    "os._exit": "import os; os._exit(0)",
    "thread": "import os, threading; t = threading.Thread(target=lambda: os._exit(0)); t.start(); t.join(); "
    "from modules.models import dense; return dense.build()",
    "interrupt": "raise KeyboardInterrupt",
}
C_CODE = "import ctypes; ctypes.CDLL(None)._exit(0)"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory, dataset: sources.VerifiedFiles) -> Path:
    """A checkout with a model for each way to end the program."""
    folder = checkout(tmp_path_factory.mktemp("code"), (ROOT / "modules" / "dataset.py").read_text())
    for name, line in {**ENDINGS, "c code": C_CODE}.items():
        lines = "".join(f"    {part.strip()}\n" for part in line.split(";"))
        file = folder / "modules" / "models" / f"{name.replace('.', '_').replace(' ', '_').strip('_')}.py"
        file.write_text(f"import keras\n\n\ndef build() -> keras.Model:\n{lines}")
    return folder


@pytest.mark.thorough("tfx_pipeline/local/", "tfx_pipeline/process/")
def test_whatever_ends_the_program_ends_the_run_as_a_failure(code: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    (output / "runs").mkdir(parents=True)
    (output / "run.json").write_text(json.dumps({"run_id": "1", "status": "succeeded"}))
    for name in ENDINGS:
        run = local_runner(output, *QUICK, "--model", name.replace(".", "_"), root=code)
        assert run.code == 1, run.console
        (line,) = [line for line in run.console.splitlines() if line.startswith("error: ")]
        assert line.startswith("error: trainer: its code ended the program ("), line
        assert (run.manifest["status"], run.manifest["error"]) == ("failed", line.removeprefix("error: "))
        assert run.states()["trainer"] == "failed"
        assert run.states()["evaluator"] == "not run"


def test_a_run_whose_process_c_code_ends_never_looks_succeeded(code: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    first = local_runner(output, *QUICK, "--model", "c_code", root=code).manifest
    assert (first["status"], first["metrics"]) == ("running", None)
    second = local_runner(output, *QUICK, "--model", "sys_exit", root=code)
    assert second.code == 1
    assert second.manifest["run_id"] != first["run_id"]
    before = json.loads((output / "runs" / first["run_id"] / "run.json").read_text())
    assert (before["status"], before["error"]) == ("failed", "its process was ended before the run was over")
