"""A mistake in modules/dataset.py is one line that names the file, on both runners."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modules.dataset import DATASET
from tests.small_run import ROOT, checkout, dataset_module

GOOD = {name: getattr(DATASET, name) for name in DATASET.__dataclass_fields__}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with both runners."""
    folder = checkout(tmp_path_factory.mktemp("checkout") / "checkout", "")
    shutil.copy(ROOT / "kubeflow_runner.py", folder)
    return folder


@pytest.mark.parametrize("runner", ["local_runner.py", "kubeflow_runner.py"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (dataset_module(**GOOD | {"name": ""}), "name '': expected lower-case letters, digits and hyphens, 50 at most"),
        (dataset_module(**GOOD | {"class_names": ("one",)}), "class_names ('one',): expected 2 to 256 names"),
        (dataset_module(**GOOD | {"class_names": ("a", "a")}), "class_names ('a', 'a'): expected 2 to 256 names"),
        (dataset_module(**GOOD | {"image_shape": (0, 0, 1)}), "image_shape (0, 0, 1): expected (height, width) or"),
        (dataset_module(**GOOD | {"image_shape": "28x28"}), "image_shape '28x28': expected (height, width) or"),
        (dataset_module(name="a"), "TypeError: ImageDataset.__init__() missing 5 required keyword-only arguments"),
        ("DATASET = {'name': 'a'}\n", "DATASET is a dict, expected an ImageDataset"),
        ("", "ImportError: cannot import name 'DATASET'"),
        ("import sys\nsys.exit(0)\n", "its code ended the program (SystemExit: 0)"),
        ("import os\nos._exit(0)\n", "its code ended the program (os._exit(0))"),
        ("import nowhere\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("DATASET = ImageDataset(\n", "SyntaxError: '(' was never closed (dataset.py, line 1)"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(root: Path, runner: str, content: str, message: str) -> None:
    (root / "modules" / "dataset.py").write_text(content)
    command = [sys.executable, "-B", runner, "--epochs", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.stderr.startswith(f"error: modules/dataset.py: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert (done.returncode, done.stdout) == (2, "")
