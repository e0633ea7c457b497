"""The last lines of a run on the console: its result, and where everything is."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx_pipeline.local.console import Console
from tfx_pipeline.record.output import Output


def summary(console: Console, output: Output, content: dict[str, Any]) -> None:
    """Writes the summary.

    Args:
        console: Where it is written.
        output: The run's places.
        content: The run's manifest.
    """
    console.line()
    if content["error"]:
        console.line(f"error: {content['error']}", style="red")
        console.line(f"The log has the details: {shown(output.log)}")
        if content["metrics"]:
            console.rows(list(_judgement(content)))
        return
    reused = [c["id"] for c in content["components"] if c["state"] == "cached"]
    if reused:
        console.line(f"Nothing changed for {len(reused)} of {len(content['components'])} components: reused.")
    console.rows(list(_rows(output, content)))


def shown(path: Path) -> str:
    """A path as people type it: relative if it is below the current directory."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _judgement(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the evaluator found, which stands even if a later component failed."""
    metrics = content["metrics"]
    yield "data gate", _data_gate(content["data_gate"])
    further = [(name, value) for name, value in metrics.items() if isinstance(value, float) and name != "accuracy"]
    words = "".join(f", {name.replace('_', ' ')} {value:.4f}" for name, value in further)
    yield "accuracy", f"{metrics['accuracy']:.4f} on {metrics['num_examples']:,} images{words}"
    yield "by class", _extremes(metrics["per_class_accuracy"])
    yield "verdict", _verdict(content)
    for reason in content["refusals"]:
        yield "", reason
    if content["pushed"]:
        yield "model", shown(Path(content["pushed"]))


def _rows(output: Output, content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _judgement(content)
    if content["tuning"]:
        yield "tuned", _tuned(content["tuning"])
    if (output.report / "index.html").is_file():
        yield "report", shown(output.report / "index.html")
    yield "manifest", shown(output.manifests[1])
    yield "log", shown(output.log)
    yield "time", f"{content['wall_seconds']:.1f} s"
    yield "next", shlex.join(["tools/env", "tensorboard", "--logdir", shown(output.tensorboard.parent)])


def _tuned(tuning: dict[str, Any]) -> str:
    values = ", ".join(f"{name} {value}" for name, value in tuning["best"].items())
    diverged = f", {tuning['diverged']} diverged" if tuning["diverged"] else ""
    return f"{values}: the best of {tuning['trials']} trials{diverged}, {tuning['accuracy']:.4f} on held-back images"


def _data_gate(gate: dict[str, Any]) -> str:
    return str(gate["headline"]) if gate["ok"] else f"NOT STOPPED (--data-gate warn): {gate['headline']}"


def _extremes(per_class: dict[str, float]) -> str:
    worst, best = min(per_class, key=per_class.__getitem__), max(per_class, key=per_class.__getitem__)
    return f"from {per_class[worst]:.4f} ({worst}) to {per_class[best]:.4f} ({best})"


def _verdict(content: dict[str, Any]) -> str:
    baseline = content["baseline"]
    nothing = "no model was pushed before: nothing to compare with"
    if content["config"]["serving"]["baseline"] == "none":
        nothing = "compared with no pushed model, as --baseline none asks"
    against = f"compared with version {baseline}" if baseline is not None else nothing
    if content["blessed"]:
        return f"blessed ({against})"
    return f"REFUSED, not pushed ({against})"
