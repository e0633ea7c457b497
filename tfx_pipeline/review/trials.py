"""Reads the trials of a search for hyperparameters."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tfx_pipeline.record.run_record import Tuning
from tfx_pipeline.review.content import Trial

RESULTS: Final = "tuner_results.json"
"""TFX's name of the file with a row for each trial."""


def read_trials(directory: str) -> tuple[Trial, ...]:
    """Reads the trials in their order from the directory of the ``TunerResults`` artifact."""
    rows = json.loads(Path(directory, RESULTS).read_bytes())
    return tuple(Trial(int(row.pop("trial_id")) + 1, row.pop("score"), row) for row in rows)


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest accuracy, of which the first."""
    return max((trial for trial in trials if trial.accuracy is not None), key=lambda trial: trial.accuracy or 0.0)


def summary(trials: Sequence[Trial]) -> Tuning | None:
    """What a search came to; None where there was none."""
    if not trials:
        return None
    best = best_of(trials)
    diverged = sum(trial.accuracy is None for trial in trials)
    return Tuning(len(trials), diverged, best.accuracy, best.values)
