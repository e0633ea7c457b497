"""run.json: what a run did, for programs; the same fields for a run on this machine and on Kubeflow."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from tfx_pipeline.process.redaction import redact_all
from tfx_pipeline.record.examples import Data

State = Literal["succeeded", "cached", "failed", "not run"]
Status = Literal["running", "succeeded", "failed"]


@dataclasses.dataclass(frozen=True)
class ComponentRun:
    """How one component went; ``seconds`` is wall time, 0 where it did not run."""

    id: str
    state: State
    seconds: float


@dataclasses.dataclass(frozen=True)
class DataGate:
    """The data gate's verdict: the numbers of its ``checks`` and ``anomalies``, and each anomaly as a finding."""

    mode: str
    ok: bool
    anomalies: int
    headline: str
    checks: int
    findings: tuple[Mapping[str, Any], ...] = ()


def data_gate_of(report: Mapping[str, Any]) -> DataGate:
    """What a run's record says of the report that the data gate wrote: its verdict, and the checks that failed."""
    verdict = {key: report[key] for key in ("mode", "ok", "anomalies", "headline")}
    findings = tuple(check for check in report["checks"] if not check["ok"])
    return DataGate(**verdict, checks=len(report["checks"]), findings=findings)


@dataclasses.dataclass(frozen=True)
class Tuning:
    """A search for hyperparameters: how many trials, how many of them diverged, accuracy and values of the best."""

    trials: int
    diverged: int
    accuracy: float | None
    best: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class KubeflowRun:
    """A run's id, name and page there, and what ``--fetch`` brought of it."""

    run_id: str | None
    name: str | None
    page: str
    finished_at: str | None
    parameters: Mapping[str, Any]
    brought: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run; None or empty for what it did not reach.

    Attributes:
        run_id: Its name.
        status: How it went; "running" from its start to its end.
        error: One line where it failed.
        wall_seconds: From its start to its end.
        components: Every component, in the order of execution.
        metrics: What ``metrics_of`` makes of the evaluation.
        blessed: Whether the model passed every threshold.
        refusals: Why not, in words.
        baseline: Version of the model that it was compared with.
        pushed: The version's directory.
        data: The examples.
        data_gate: Also where the gate stopped the run.
        tuning: The search for hyperparameters; None without one.
        config: Every value in force.
        versions: Of Python and the libraries.
        git_commit: Of the code.
        kubeflow: What a run on this machine has not; its key is absent there.
    """

    run_id: str
    status: Status = "running"
    error: str | None = None
    wall_seconds: float | None = 0.0
    components: tuple[ComponentRun, ...] = ()
    metrics: Mapping[str, Any] | None = None
    blessed: bool | None = None
    refusals: tuple[str, ...] = ()
    baseline: int | None = None
    pushed: str | None = None
    data: Data | None = None
    data_gate: DataGate | None = None
    tuning: Tuning | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    git_commit: str | None = None
    kubeflow: KubeflowRun | None = None

    def text(self) -> str:
        """The content of ``run.json``, without secrets."""
        content = dataclasses.asdict(self)
        if self.kubeflow is None:
            del content["kubeflow"]
        return json.dumps({key: redact_all(value) for key, value in content.items()}, indent=2) + "\n"


def metrics_of(overall: Mapping[str, float | None], examples: int, recall: Mapping[str, float]) -> dict[str, Any]:
    """The metrics over all examples by name, None where one is not defined, and the accuracy on each class.

    Args:
        overall: By their titles.
        examples: How many were evaluated.
        recall: Of the classes that have examples.
    """
    defined = {title: value if value is not None and math.isfinite(value) else None for title, value in overall.items()}
    return {
        **{title.replace(" ", "_"): value for title, value in defined.items()},
        "num_examples": examples,
        "per_class_accuracy": dict(recall),
    }


def read_record(path: Path) -> RunRecord | None:
    """Reads a ``run.json``; None where there is none, or it is none of this project's."""
    try:
        return TypeAdapter(RunRecord).validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
