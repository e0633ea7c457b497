"""The official SDK runs the same package on one machine."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubeflow.replay.conftest import A_POD_EACH
from tests.kubeflow.replay.pod import PROJECT
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.serving.directory import ServingDirectory

pytestmark = pytest.mark.e2e

SCRIPT = """
import sys
from kfp import components, local

package, root, data, models = sys.argv[1:]
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root)
components.load_component_from_file(package)(data_source="idx", data_dir=data, serving_dir=models)
"""


@pytest.mark.parametrize("pods", ["stage", pytest.param("component", marks=A_POD_EACH)])
def test_package_runs_to_a_pushed_model(
    pods: str, make_package: Callable[..., Path], dataset: VerifiedFiles, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    package = make_package("--set", f"kubeflow.pods={pods}")
    arguments = [str(package), str(tmp_path / "root"), str(dataset.path), str(models)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(ServingDirectory(models).versions()) == 1
