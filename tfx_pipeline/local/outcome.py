"""The results of a run, importable without TensorFlow."""

import dataclasses
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The results of a run; None or empty for what it did not reach.

    Attributes:
        data: ``source``, ``kind`` and ``digest`` of the data, and ``counts``, the number of examples by split.
        data_gate: ``mode``, ``ok``, ``checks`` and ``anomalies`` (their numbers) and ``headline`` of the data gate.
        training: The hyperparameters of the model, as the configuration names them.
        tuning: ``trials`` and ``diverged`` (their numbers) of the search for hyperparameters, and ``accuracy`` and
            ``best`` (the hyperparameters) of its best trial; None without one.
        training_logs: TensorBoard's event files of the training, with those of the review where there is one.
        report: The review's page.
        metrics: The model's metrics over all examples by name (``accuracy``, ``loss``, ...), ``num_examples``, and
            ``per_class_accuracy`` by class name, of the classes that have examples.
        blessed: Whether the model passed every threshold.
        refusals: Why not, in words.
        baseline: Version of the model that it was compared with.
        pushed: The version's directory.
    """

    data: dict[str, Any] | None = None
    data_gate: dict[str, Any] | None = None
    training: dict[str, Any] = dataclasses.field(default_factory=dict)
    tuning: dict[str, Any] | None = None
    training_logs: Path | None = None
    report: Path | None = None
    metrics: dict[str, Any] | None = None
    blessed: bool | None = None
    refusals: tuple[str, ...] = ()
    baseline: int | None = None
    pushed: str | None = None
