"""How time and memory grow with the data."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import runs, summary
from bench.process import machine, measure

FLAGS = (
    *("--clean", "--min-accuracy", "0", "--min-class-accuracy", "0"),
    *("--set", "data_gate.max_near_repeats=1", "--set", "data_gate.max_near_duplicates=1"),
)
"""Shifted clothes are harder to tell apart; what is measured is not how well. Copies are nearly the same on purpose."""


def compare(times: int, console: Console) -> None:
    """Runs the pipeline on the data as it is and on ``times`` as much, prints and writes what grew by how much.

    Args:
        times: Copies of the data, each shifted by another offset.
        console: Shows the table.
    """
    described = machine()
    with tempfile.TemporaryDirectory() as folder:
        found = {f"{count}x": _run(Path(folder), count) for count in (1, times)}
    small, large = found.values()
    ratios = {name: large["steps"][name] / seconds for name, seconds in small["steps"].items()}
    memory = large["peak_mib"] / small["peak_mib"]
    path = summary.save(
        "growth", {"machine": described, "times": times, "time_ratios": ratios, "memory_ratio": memory, "runs": found}
    )
    summary.show_totals(console, found)
    _show(console, found, ratios)
    console.print(f"peak memory, {times}x / 1x: {memory:.2f}")
    console.print(f"wrote {path}")


def _run(folder: Path, times: int) -> runs.Run:
    data = folder / f"data-{times}"
    measure([sys.executable, "-m", "bench.growth_data", str(data), "--times", str(times)])
    return runs.pipeline(folder / "output", "--data-dir", str(data), *FLAGS)


def _show(console: Console, found: dict[str, Any], ratios: dict[str, float]) -> None:
    table = Table("step", *(f"{kind}, s" for kind in found), "ratio", title="The pipeline by step")
    for name, ratio in ratios.items():
        table.add_row(name, *(f"{run['steps'][name]:.2f}" for run in found.values()), f"{ratio:.1f}")
    console.print(table)
