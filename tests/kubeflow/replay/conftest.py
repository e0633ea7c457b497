"""The package that a user writes, made once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubeflow.replay.pod import PROJECT

QUICK = ("--limit", "1000", "--epochs", "1", "--min-accuracy", "0.3", "--min-class-accuracy", "0")


@pytest.fixture(scope="session")
def make_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a package with claims for data and models, on 1,000 real images a split and with thresholds to match."""

    def make(*flags: str) -> Path:
        path = tmp_path_factory.mktemp("package") / "pipeline.yaml"
        claims = ("--data-pvc", "images", "--serving-pvc", "models", "--image", "registry.example/fashion-mnist:1.0")
        command = [sys.executable, "kubeflow_runner.py", "--output", str(path), *claims, *QUICK, *flags]
        done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return path

    return make


@pytest.fixture(scope="session")
def package_file(make_package: Callable[..., Path]) -> Path:
    """The package without further flags."""
    return make_package()
