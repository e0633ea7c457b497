"""The kinds of runs that are compared, each as whole processes from start to exit."""

import gzip
import itertools
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.process import Measured, measure
from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.data.sources import VerifiedFiles

EPOCH = re.compile(r"^(\S+ \S+),(\d+) INFO modules\.(?:devices: training on|trainer: epoch \d+/)", re.MULTILINE)
"""The line with which a training begins, and that of each epoch's end."""

LOADED = re.compile(r"INFO tfx_pipeline.process.imports: loaded in ([\d.]+) s")

CAUSES = {
    "imports": "imports",
    "trainer": "training",
    "training": "training",
    "start and end": "start and end",
    **dict.fromkeys(("example-gen", "statistics-gen", "data-gate", "transform", "evaluator"), "Beam steps"),
}
OTHER = "other steps"

Run = dict[str, Any]
"""A run's figures: ``seconds``, ``cpu_seconds``, ``peak_mib``, and what its kind adds."""


def tutorial(gzipped: Path, scratch: Path) -> Run:
    """Runs the tutorial's two scripts.

    Args:
        gzipped: Folder of the four gzipped IDX files.
        scratch: Folder for its pickles and its model; made where it is absent.

    Returns:
        Totals of both processes, ``accuracy``, and seconds by ``steps``.
    """
    scratch.mkdir(exist_ok=True)
    steps = {
        "preprocessing": measure(module("bench.tutorial.preprocessing", gzipped, scratch)),
        "training": measure(module("bench.tutorial.train", scratch, scratch)),
    }
    accuracy = re.search(r"Test Acc: ([\d.]+)", steps["training"].output)
    if not accuracy:
        raise RuntimeError("the tutorial's training printed no accuracy")
    return totals(steps.values()) | {
        "accuracy": float(accuracy[1]),
        "steps": {name: step.seconds for name, step in steps.items()},
    }


def pipeline(output: Path, *flags: str, launcher: Sequence[str] = (sys.executable,)) -> Run:
    """Runs local_runner.py.

    Args:
        output: The output directory.
        *flags: More flags.
        launcher: What runs Python's scripts.

    Returns:
        Totals, ``accuracy``, ``train_images`` without those that are held back, seconds by ``steps`` and by ``causes``,
        of the first epoch with the building of the model, and of the other epochs as ``epoch_seconds``.
    """
    process = measure([*launcher, "local_runner.py", "--output-dir", str(output), *flags])
    manifest = json.loads((output / "run.json").read_text())
    log = (output / "runs" / manifest["run_id"] / "run.log").read_text(errors="replace")
    components = {component["id"]: component["seconds"] for component in manifest["components"]}
    loaded = sum(map(float, LOADED.findall(log)))
    steps = {
        "imports": loaded,
        **components,
        "start and end": process.seconds - loaded - sum(components.values()),
    }
    first, *others = epoch_seconds(log) or [0.0]
    return totals([process]) | {
        "accuracy": manifest["metrics"]["accuracy"],
        "train_images": manifest["data"]["counts"]["train"]
        * (1 - manifest["config"]["training"]["validation_fraction"]),
        "steps": steps,
        "causes": causes(steps),
        "first_epoch_seconds": first,
        "epoch_seconds": others,
    }


def cause(step: str) -> str:
    """What a step spends its time on: one of the values of ``CAUSES``, or ``OTHER``."""
    return CAUSES.get(step, OTHER)


def causes(steps: dict[str, float]) -> dict[str, float]:
    """Sums the seconds of the steps by what they spend them on."""
    found: dict[str, float] = {}
    for step, seconds in steps.items():
        found[cause(step)] = found.get(cause(step), 0.0) + seconds
    return found


def gzipped(dataset: VerifiedFiles, folder: Path) -> Path:
    """Writes the files of the data set as the tutorial downloads them; makes the folder and returns it."""
    folder.mkdir()
    for file in FILE_NAMES:
        (folder / f"{file}.gz").write_bytes(gzip.compress(Path(dataset.path, file).read_bytes()))
    return folder


def bare_fit(idx_dir: Path) -> Run:
    """Runs the bare Keras fit; returns totals and the seconds of each epoch."""
    process = measure(module("bench.fit", idx_dir))
    return totals([process]) | {"epoch_seconds": json.loads(process.output.strip().splitlines()[-1])[1:]}


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def totals(processes: Iterable[Measured]) -> Run:
    """The figures of processes that ran one after the other."""
    listed = list(processes)
    return {
        "seconds": sum(process.seconds for process in listed),
        "cpu_seconds": sum(process.cpu_seconds for process in listed),
        "peak_mib": max(process.peak_mib for process in listed),
    }


def epoch_seconds(log: str) -> list[float]:
    """The seconds of each epoch, from one line of the log to the next; none where the training was cached."""
    times = [
        datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(match[2]) / 1000
        for match in EPOCH.finditer(log)
    ]
    return [after - before for before, after in itertools.pairwise(times)]
