"""What Beam's steps cost on a Flink cluster, and how their work spreads over its TaskManagers."""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import growth, runs, summary
from bench.process import machine, measure
from tools.flink_cluster import Cluster, session_cluster

LAYOUTS: Final = {"1 slot": (1, 1), "2 slots": (2, 1), "4 slots": (2, 2)}
"""TaskManagers and the slots of each. All of them share the processor, so that more slots are not more speed."""

STEPS: Final = ("example-gen", "statistics-gen", "data-gate", "evaluator")
"""Those that submit a job, in their order; transform has none where ``preprocessing_fn`` has no analyzer."""

FLAGS: Final = (*growth.FLAGS, "--epochs", "1")
COUNTED: Final = ("read-records", "read-bytes", "write-records", "write-bytes")


def compare(times: int, console: Console) -> None:
    """Runs the pipeline inside the process and on clusters of 1, 2 and 4 slots; prints and writes.

    Args:
        times: Copies of the data, each shifted by another offset.
        console: Shows the tables.
    """
    described = machine()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        measure(runs.module("bench.growth_data", data, "--times", times))
        flags = ("--data-dir", str(data), *FLAGS)
        found = {"embedded": _run(folder, flags)}
        spread = {}
        for layout, (task_managers, slots) in LAYOUTS.items():
            with session_cluster(Path(folder, f"flink-{task_managers}-{slots}"), task_managers, slots) as cluster:
                found[layout] = _run(folder, (*flags, *cluster.flags))
                spread[layout] = _spread(cluster)
            # After each cluster: the whole takes long.
            path = summary.save("flink", {"machine": described, "times": times, "runs": found, "spread": spread})
    summary.show_totals(console, found)
    columns = {kind: run["steps"] for kind, run in found.items()}
    summary.show_columns(console, f"The pipeline by step, {times * 70_000:,} images", "step", columns)
    _show(console, spread)
    console.print("Workers share this machine's processor: the figures are the overhead of a step, no speed-up.")
    console.print(f"wrote {path}")


def _run(folder: str, flags: tuple[str, ...]) -> runs.Run:
    run = runs.pipeline(Path(folder, "output"), *flags)
    return {**run, "load": os.getloadavg()[1]}


def _spread(cluster: Cluster) -> dict[str, dict[str, dict[str, int]]]:
    """By step and TaskManager: the tasks that read anything, a bundle each, and records and bytes between tasks."""
    jobs = sorted(cluster.ask("/jobs/overview")["jobs"], key=lambda job: job["start-time"])
    if len(jobs) != len(STEPS):
        raise RuntimeError(f"the cluster had {len(jobs)} jobs, expected one for each of {', '.join(STEPS)}")
    return {step: _of_job(cluster, job["jid"]) for step, job in zip(STEPS, jobs, strict=True)}


def _of_job(cluster: Cluster, job: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for vertex in cluster.ask(f"/jobs/{job}")["vertices"]:
        for task in cluster.ask(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]:
            sums = found.setdefault(task["taskmanager-id"], dict.fromkeys(("bundles", *COUNTED), 0))
            sums["bundles"] += bool(task["metrics"]["read-records"])
            for name in COUNTED:
                sums[name] += task["metrics"][name]
    return dict(sorted(found.items()))


def _show(console: Console, spread: dict[str, Any]) -> None:
    table = Table("cluster", "step", "TaskManager", "bundles", *COUNTED, title="How the work spreads")
    for layout, steps in spread.items():
        for step, managers in steps.items():
            for manager, sums in managers.items():
                table.add_row(layout, step, manager, *(f"{number:,}" for number in sums.values()))
    console.print(table)
