"""Reads a review from the artifacts of a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx_pipeline.data.origin import origins
from tfx_pipeline.evaluation.results import read_evaluation
from tfx_pipeline.evaluation.scores import not_finite
from tfx_pipeline.record.examples import Rows
from tfx_pipeline.record.versions import versions
from tfx_pipeline.review import predictions, statistics
from tfx_pipeline.review.content import Predictions, Review, Verdict
from tfx_pipeline.review.gate_checks import read_gate
from tfx_pipeline.review.training_curves import read_training_curves
from tfx_pipeline.review.trials import read_trials


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReviewInputs:
    """Where the parts of a review are.

    Attributes:
        evaluation: Directory of TFMA's output.
        blessed: The evaluator's decision.
        baseline: Version of the baseline; None without one.
        choice: Which baseline was asked for; "" where none in particular was.
        model: Directory of the SavedModel.
        examples: Files of the evaluated split.
        statistics: Directory of TFDV's statistics by split.
        data_gate: The data gate's report, as ``tfx_pipeline.gate.report`` makes it.
        training_logs: Directory of the training's events.
        hyperparameters: What the model was trained with.
        training_end: How many epochs it was trained for, and which was kept.
        data: What is known of the data's origin.
        tuned: The names of the hyperparameters that a search chose.
        tuner_results: Directory of its trials; "" where there was no search.
    """

    evaluation: str
    blessed: bool
    baseline: int | None
    model: str
    examples: list[str]
    statistics: Mapping[str, str]
    data_gate: Mapping[str, Any]
    training_logs: str
    hyperparameters: dict[str, str | int | float]
    data: Rows
    training_end: Rows = ()
    choice: str = ""
    tuned: frozenset[str] = frozenset()
    tuner_results: str = ""


def read_review(inputs: ReviewInputs) -> Review:
    """Reads everything that a review shows, and predicts the evaluated split once.

    Args:
        inputs: Where the parts are.

    Returns:
        The review.
    """
    evaluation = read_evaluation(inputs.evaluation)
    baseline = evaluation.baseline.overall if evaluation.baseline else None
    problem = not_finite(baseline.not_finite, baseline.examples) if baseline and baseline.not_finite else ""
    return Review(
        verdict=Verdict(inputs.blessed, evaluation.refusals, inputs.baseline, inputs.choice, problem),
        thresholds=evaluation.thresholds,
        model=evaluation.model,
        baseline=evaluation.baseline,
        predictions=_with_origins(
            predictions.summarize(predictions.predict(inputs.model, inputs.examples)), inputs.examples
        ),
        statistics=tuple(statistics.read_statistics(split, uri) for split, uri in inputs.statistics.items()),
        gate=read_gate(inputs.data_gate),
        training=read_training_curves(inputs.training_logs),
        hyperparameters=inputs.hyperparameters,
        training_end=inputs.training_end,
        data=inputs.data,
        versions=tuple(versions().items()),
        tuned=inputs.tuned,
        trials=read_trials(inputs.tuner_results) if inputs.tuner_results else (),
    )


def _with_origins(found: Predictions, examples: Sequence[str]) -> Predictions:
    """Names the file of each mistake: whoever wants to look at it, or to correct its label, needs no number."""
    folder = Path(examples[0]).parent
    names = origins(str(folder.parent), folder.name.removeprefix("Split-"), [m.position for m in found.mistakes])
    named = zip(found.mistakes, names, strict=True)
    return dataclasses.replace(found, mistakes=tuple(dataclasses.replace(m, origin=name) for m, name in named))
