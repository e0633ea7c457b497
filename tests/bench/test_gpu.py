"""The benchmark of both models on GPUs: without one it says so; on virtual devices it measures what it would there."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench import gpu
from tests.small_run import ROOT

SMALL = ("--limit", "200", "--epochs", "2", "--min-accuracy", "0", "--min-class-accuracy", "0")


@pytest.mark.parametrize("command", [("bench.gpu",), ("bench.end_to_end", "--gpu")])
def test_without_a_gpu_it_says_so_in_one_line(command: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 1
    assert (ended.stdout + ended.stderr).splitlines() == [
        "error: TensorFlow sees no GPU here; python -m bench.gpu --virtual 2 tries the benchmark on the CPU"
    ]


@pytest.mark.thorough("bench/", "modules/")
@pytest.mark.e2e
def test_both_models_are_measured_on_virtual_devices(tmp_path: Path) -> None:
    (devices,), precisions = gpu.virtual(2)
    assert precisions == ["float32", "mixed_float16"]
    measured = gpu.compare([devices], ["mixed_float16"], 1, SMALL)
    assert list(measured) == ["cnn, 2 x virtual CPU, mixed_float16", "dense, 2 x virtual CPU, mixed_float16"]
    for figures in measured.values():
        assert list(figures) == list(gpu.COLUMNS)
        assert 0 < figures["accuracy"] < 1
        assert 0 < figures["epoch"] < figures["training"] < figures["run"]
        # A difference of two epochs, which may be below 0 where something else runs during one of them.
        assert 0 < figures["first step"] + figures["epoch"] < figures["training"]
        assert figures["images a second"] == pytest.approx(200 / figures["epoch"])
    table = tmp_path / "table"
    with table.open("w") as file:
        gpu.show(Console(file=file, width=200), measured)
    assert [line.split()[1] for line in table.read_text().splitlines() if "virtual" in line] == ["cnn,", "dense,"]
