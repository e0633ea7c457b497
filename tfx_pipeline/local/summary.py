"""The last lines of a run on the console: its result, and where everything is."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from tfx_pipeline.local.console import Console
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.run_record import DataGate, RunRecord, Tuning


def summary(console: Console, output: Output, record: RunRecord) -> None:
    """Writes the summary."""
    console.line()
    if record.error:
        console.line(f"error: {record.error}", style="red")
        console.line(f"The log has the details: {shown(output.log)}")
        if record.metrics:
            console.rows(list(_judgement(record)))
        return
    reused = [c.id for c in record.components if c.state == "cached"]
    if reused:
        console.line(f"Nothing changed for {len(reused)} of {len(record.components)} components: reused.")
    console.rows(list(_rows(output, record)))


def shown(path: Path) -> str:
    """A path as people type it: relative if it is below the current directory."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _judgement(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What the evaluator found, which stands even if a later component failed."""
    metrics = record.metrics or {}
    if record.data_gate:
        yield "data gate", _data_gate(record.data_gate)
    further = [(name, value) for name, value in metrics.items() if isinstance(value, float) and name != "accuracy"]
    words = "".join(f", {name.replace('_', ' ')} {value:.4f}" for name, value in further)
    yield "accuracy", f"{metrics['accuracy']:.4f} on {metrics['num_examples']:,} images{words}"
    yield "by class", _extremes(metrics["per_class_accuracy"])
    yield "verdict", _verdict(record)
    for reason in record.refusals:
        yield "", reason
    if record.pushed:
        yield "model", shown(Path(record.pushed))


def _rows(output: Output, record: RunRecord) -> Iterator[tuple[str, str]]:
    yield from _judgement(record)
    if record.tuning:
        yield "tuned", _tuned(record.tuning)
    if (output.report / "index.html").is_file():
        yield "report", shown(output.report / "index.html")
    yield "manifest", shown(output.manifests[1])
    yield "log", shown(output.log)
    yield "time", f"{record.wall_seconds:.1f} s"
    yield "next", shlex.join(["tools/env", "tensorboard", "--logdir", shown(output.tensorboard.parent)])


def _tuned(tuning: Tuning) -> str:
    values = ", ".join(f"{name} {value}" for name, value in tuning.best.items())
    diverged = f", {tuning.diverged} diverged" if tuning.diverged else ""
    return f"{values}: the best of {tuning.trials} trials{diverged}, {tuning.accuracy:.4f} on held-back images"


def _data_gate(gate: DataGate) -> str:
    return gate.headline if gate.ok else f"NOT STOPPED (--data-gate warn): {gate.headline}"


def _extremes(per_class: dict[str, float]) -> str:
    worst, best = min(per_class, key=per_class.__getitem__), max(per_class, key=per_class.__getitem__)
    return f"from {per_class[worst]:.4f} ({worst}) to {per_class[best]:.4f} ({best})"


def _verdict(record: RunRecord) -> str:
    baseline = record.baseline
    nothing = "no model was pushed before: nothing to compare with"
    if record.config["serving"]["baseline"] == "none":
        nothing = "compared with no pushed model, as --baseline none asks"
    against = f"compared with version {baseline}" if baseline is not None else nothing
    if record.blessed:
        return f"blessed ({against})"
    return f"REFUSED, not pushed ({against})"
