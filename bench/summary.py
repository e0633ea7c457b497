"""Medians, ratios, tables and the file of a benchmark."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.process import ROOT
from bench.runs import Run

RESULTS = ROOT / "bench" / "results"
TOTALS = ("seconds", "cpu_seconds", "peak_mib", "accuracy")


def medians(runs: Sequence[Run]) -> dict[str, Any]:
    """The median of each figure over runs of one kind: of numbers, of lists of numbers, and of mappings of them."""
    return {name: _median([run[name] for run in runs]) for name in runs[0]}


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return {key: _median([value[key] for value in values]) for key in values[0]}
    if isinstance(values[0], list):
        return statistics.median([number for value in values for number in value] or [0.0])
    return statistics.median(values)


def save(name: str, content: dict[str, Any]) -> Path:
    """Writes a benchmark's results to bench/results/NAME.json and returns the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(_rounded(content), indent=2) + "\n", encoding="utf-8")
    return path


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def show_totals(console: Console, summary: dict[str, dict[str, Any]], title: str = "Medians") -> None:
    """Prints a row of totals for each kind of run."""
    table = Table("run", "wall s", "CPU s", "peak MiB", "accuracy", title=title)
    formats = {"seconds": "{:.1f}", "cpu_seconds": "{:.1f}", "peak_mib": "{:.0f}", "accuracy": "{:.4f}"}
    for kind, figures in summary.items():
        table.add_row(kind, *(formats[name].format(figures[name]) if name in figures else "" for name in TOTALS))
    console.print(table)


def show_columns(console: Console, title: str, first: str, columns: dict[str, dict[str, float]]) -> None:
    """Prints seconds by name, one column for each kind of run."""
    table = Table(first, *(f"{kind}, s" for kind in columns), title=title)
    for name in next(iter(columns.values())):
        table.add_row(name, *(f"{column[name]:.2f}" for column in columns.values()))
    console.print(table)
