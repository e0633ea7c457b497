"""The pipeline against the tutorial's two scripts: ``python -m bench.end_to_end [--runs N]``, or ``make bench``.

Both run in turns, as whole processes from start to exit, on the same machine. Prints medians and their ratio, and
writes every figure to ``bench/results/end_to_end.json``.
"""

import argparse
import gzip
import itertools
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.process import ROOT, Measured, machine, measure
from bench.tutorial.preprocessing import FILES
from tfx_pipeline.config import Config
from tfx_pipeline.data.sources import default_cache_dir, resolve

EPOCH = re.compile(r"^(\S+ \S+),(\d+) INFO modules.trainer: epoch (\d+)/")


def tutorial(gzipped: Path, scratch: Path) -> dict[str, Any]:
    """Runs the tutorial's two scripts."""
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


def pipeline(output: Path, *flags: str) -> dict[str, Any]:
    """Runs local_runner.py."""
    process = measure([sys.executable, "local_runner.py", "--output-dir", str(output), *flags])
    manifest = json.loads((output / "run.json").read_text())
    steps = {component["id"]: component["seconds"] for component in manifest["components"]}
    log = (output / "runs" / manifest["run_id"] / "run.log").read_text(errors="replace")
    return totals([process]) | {
        "accuracy": manifest["metrics"]["accuracy"],
        "steps": {"start and imports": process.seconds - sum(steps.values()), **steps},
        "epoch_seconds": epoch_seconds(log),
    }


def bare_fit(idx_dir: Path, batch_size: int, epochs: int) -> dict[str, Any]:
    """Runs the bare Keras fit."""
    process = measure(module("bench.fit", idx_dir, batch_size, epochs))
    return totals([process]) | {"epoch_seconds": json.loads(process.output.strip().splitlines()[-1])}


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module."""
    return [sys.executable, "-m", name, *map(str, arguments)]


def totals(processes: Sequence[Measured] | Any) -> dict[str, float]:
    """The figures of processes that ran one after the other."""
    listed = list(processes)
    return {
        "seconds": sum(process.seconds for process in listed),
        "cpu_seconds": sum(process.cpu_seconds for process in listed),
        "peak_mib": max(process.peak_mib for process in listed),
    }


def epoch_seconds(log: str) -> list[float]:
    """The seconds between one epoch's line in the log and the next."""
    times = [
        datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(match[2]) / 1000
        for match in map(EPOCH.match, log.splitlines())
        if match
    ]
    return [after - before for before, after in itertools.pairwise(times)]


def median(runs: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    """The median of a figure over runs."""
    return statistics.median(map(value, runs))


def summarize(results: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians of every kind of run, and the two ratios that matter."""
    medians = {
        kind: {name: median(runs, lambda run, name=name: run[name]) for name in ("seconds", "cpu_seconds", "peak_mib")}
        for kind, runs in results.items()
    }
    for kind in ("tutorial", "pipeline", "cached"):
        medians[kind]["accuracy"] = median(results[kind], lambda run: run["accuracy"])
    epochs = {
        kind: statistics.median([second for run in results[kind] for second in run["epoch_seconds"][1:]])
        for kind in ("pipeline", "bare fit")
    }
    return {
        "medians": medians,
        "steps": {
            name: median(results["pipeline"], lambda run, name=name: run["steps"][name])
            for name in results["pipeline"][0]["steps"]
        },
        "wall_ratio": medians["pipeline"]["seconds"] / medians["tutorial"]["seconds"],
        "throughput_ratio": epochs["bare fit"] / epochs["pipeline"],
    }


def show(summary: dict[str, Any]) -> None:
    """Prints the summary as tables."""
    console = Console()
    table = Table("run", "wall s", "CPU s", "peak MiB", "accuracy", title="Medians")
    for kind, figures in summary["medians"].items():
        accuracy = f"{figures['accuracy']:.4f}" if "accuracy" in figures else ""
        table.add_row(
            kind, f"{figures['seconds']:.1f}", f"{figures['cpu_seconds']:.1f}", f"{figures['peak_mib']:.0f}", accuracy
        )
    steps = Table("step", "wall s", title="The pipeline by step")
    for name, seconds in summary["steps"].items():
        steps.add_row(name, f"{seconds:.2f}")
    console.print(table, steps)
    console.print(f"wall time, pipeline / tutorial: {summary['wall_ratio']:.2f}")
    console.print(f"training throughput, pipeline / bare Keras fit: {summary['throughput_ratio']:.2f}")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind (default: 5)")
    runs = parser.parse_args().runs
    described = machine()
    dataset = resolve("auto", None, default_cache_dir(), sys.stdout.write)
    training = Config().training
    results: dict[str, list[dict[str, Any]]] = {"tutorial": [], "pipeline": [], "cached": [], "bare fit": []}
    with tempfile.TemporaryDirectory() as folder:
        gzipped, scratch, output = (Path(folder, name) for name in ("gz", "scratch", "output"))
        gzipped.mkdir()
        scratch.mkdir()
        for file, _ in FILES.values():
            (gzipped / f"{file}.gz").write_bytes(gzip.compress(Path(dataset.path, file).read_bytes()))
        for _ in range(runs):
            results["tutorial"].append(tutorial(gzipped, scratch))
            results["pipeline"].append(pipeline(output, "--clean"))
            results["cached"].append(pipeline(output))
            results["bare fit"].append(bare_fit(Path(dataset.path), training.batch_size, training.epochs))
    summary = summarize(results)
    target = ROOT / "bench" / "results" / "end_to_end.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"machine": described, **summary, "runs": results}, indent=2) + "\n")
    show(summary)


if __name__ == "__main__":
    main()
