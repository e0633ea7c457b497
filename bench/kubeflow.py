"""The package in both granularities against the tutorial's three steps, as a cluster would run them: a prediction.

Each pod is measured in the replay, the test double of Kubeflow's backend; ``bench.cluster`` adds what a cluster costs.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import cluster, runs, summary
from bench.process import machine, measure
from tests.kubeflow.replay.backend import Backend
from tests.kubeflow.replay.package import Package
from tfx_pipeline.config.flags import load
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.kubeflow.package.compile import write_package

LOADED: Final = re.compile(r"loaded in ([\d.]+) s")
PARTS: Final = ("start", "download", "imports", "work", "upload")
GRANULARITIES: Final = ("component", "stage")
TUTORIAL: Final = {"clone": [], "preprocessing": ["clone"], "training": ["preprocessing"]}
"""Its steps, each with those that it waits for."""

Pods = dict[str, dict[str, float]]
"""Seconds of the parts of each step's pod."""


def compare(dataset: VerifiedFiles, count: int, console: Console) -> None:
    """Measures each kind ``count`` times, in turns, predicts by the medians, prints and writes."""
    described = machine()
    rounds = [_round(dataset) for _ in range(count)]
    measured = {kind: summary.medians([of_round[kind] for of_round in rounds]) for kind in rounds[0]}
    tutorial = cluster.Graph(TUTORIAL, measured.pop("tutorial"))
    fine, coarse = (cluster.Graph(_waits(kind), _totals(measured[kind])) for kind in GRANULARITIES)
    graphs = {"tutorial": tutorial, "as it was": as_it_was(fine), "component": fine, "stage": coarse}
    factor = cluster.slower(tutorial)
    rows = {name: _row(graph, tutorial, factor) for name, graph in graphs.items()}
    for pods, parts in measured.items():
        _show_pods(console, pods, parts)
    _show(console, rows)
    console.print(
        f"A prediction, for a node on which a pod takes {factor:.2f} times as long as here: it is fitted to the "
        f"{cluster.MEASURED['tutorial'][cluster.REQUEUE]:.0f} s of the tutorial there."
    )
    path = summary.save("kubeflow", {"machine": described, "slower": factor, "predicted": rows, "pods": measured})
    console.print(f"wrote {path}")


def as_it_was(graph: cluster.Graph) -> cluster.Graph:
    """The graph that was measured on a cluster: transform waited for the gate, and the trainer not for the locator."""
    waits = {step: list(before) for step, before in graph.waits.items()}
    waits |= {"transform": ["data-gate"], "trainer": ["transform"], "evaluator": ["baseline-locator", "trainer"]}
    return cluster.Graph(waits, graph.seconds)


def _round(dataset: VerifiedFiles) -> dict[str, Any]:
    """Runs the tutorial and the package in both granularities once."""
    with tempfile.TemporaryDirectory() as folder:
        tutorial = {"tutorial": _tutorial(dataset, Path(folder))}
        return tutorial | {kind: _replayed(kind, dataset, Path(folder, kind)) for kind in GRANULARITIES}


def _tutorial(dataset: VerifiedFiles, folder: Path) -> dict[str, float]:
    """Seconds of its three steps: the clone, which is taken to cost its pods alone, and the scripts on a volume."""
    gzipped = runs.gzipped(dataset, folder / "gz")
    return {"clone": 0.0, **runs.tutorial(gzipped, folder / "scratch")["steps"]}


def _package(pods: str, file: Path) -> Package:
    claims = {"kubeflow.data_pvc": "images", "kubeflow.serving_pvc": "models"}
    write_package(load({**claims, "set": [f"kubeflow.pods={pods}"]}), file)
    return Package(file)


def _waits(pods: str) -> dict[str, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        tasks = _package(pods, Path(folder, "pipeline.yaml")).tasks
    return {step: list(task.get("dependentTasks", [])) for step, task in tasks.items()}


def _replayed(pods: str, dataset: VerifiedFiles, folder: Path) -> Pods:
    """Runs the package on a new cluster."""
    folder.mkdir()
    package = _package(pods, folder / "pipeline.yaml")
    volumes = {"models": folder / "models", "images": Path(dataset.path)}
    run = Backend(folder / "cluster", volumes, prepared=False).run(package)
    if set(run.states.values()) != {"succeeded"}:
        raise RuntimeError(f"the replay failed: {run.states}\n{''.join(log[-1][-2000:] for log in run.logs.values())}")
    start = measure(runs.module("tfx_pipeline.kubeflow.entrypoint", "--help")).seconds
    return {step: _parts(start, run.logs[step][-1], seconds) for step, seconds in run.seconds.items()}


def _parts(start: float, log: str, seconds: Mapping[str, float]) -> dict[str, float]:
    imports = sum(map(float, LOADED.findall(log)))
    work = max(seconds["command"] - start - imports, 0.0)
    return dict(zip(PARTS, (start, seconds["download"], imports, work, seconds["upload"]), strict=True))


def _totals(pods: Pods) -> dict[str, float]:
    return {step: sum(parts.values()) for step, parts in pods.items()}


def _row(graph: cluster.Graph, tutorial: cluster.Graph, factor: float) -> dict[str, Any]:
    path = cluster.critical_path(graph, cluster.REQUEUE, factor)
    row: dict[str, Any] = {"in a row": path, "here": sum(graph.seconds[step] for step in path)}
    for requeue in (cluster.REQUEUE, cluster.QUICK_REQUEUE):
        seconds = cluster.predicted(graph, requeue, factor)
        ratio = seconds / cluster.predicted(tutorial, requeue, factor)
        row[f"requeue {requeue:.0f} s"] = {"seconds": seconds, "ratio": ratio}
    return row


def _show_pods(console: Console, pods: str, parts: Pods) -> None:
    table = Table("step", *(f"{part}, s" for part in PARTS), title=f"Pods here, one for each {pods}")
    for step, seconds in parts.items():
        table.add_row(step, *(f"{seconds[part]:.2f}" for part in PARTS))
    console.print(table)


def _show(console: Console, rows: Mapping[str, Mapping[str, Any]]) -> None:
    columns = ("s", "ratio", "measured")
    quick = tuple(f"{name}, requeue {cluster.QUICK_REQUEUE:.0f} s" for name in columns)
    table = Table("run", "in a row", "pods here, s", *columns, *quick, title="Predicted on a cluster")
    for name, row in rows.items():
        cells = [name, str(len(row["in a row"])), f"{row['here']:.1f}"]
        for requeue in (cluster.REQUEUE, cluster.QUICK_REQUEUE):
            figures = row[f"requeue {requeue:.0f} s"]
            known = cluster.MEASURED.get(name, {}).get(requeue)
            cells += [f"{figures['seconds']:.0f}", f"{figures['ratio']:.2f}", f"{known:.0f}" if known else ""]
        table.add_row(*cells)
    console.print(table)
