"""A review's figures and tables as words and Markdown, the same for every writer."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tfx_pipeline.evaluation.scores import DIGITS, ClassScores, ModelScores, Scores, ThresholdResult
from tfx_pipeline.record.examples import Rows
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.trials import best_of

UNDEFINED: Final = "n/a"


def number(value: float | None, digits: int = DIGITS, sign: str = "-") -> str:
    """A metric as text, "n/a" if it is not defined; the sign "+" shows the sign of positive numbers too."""
    return UNDEFINED if value is None or not math.isfinite(value) else f"{value:{sign}.{digits}f}"


def change(value: float, baseline: float) -> str:
    """The difference from the baseline, with its sign; "n/a" where one of the two is not defined."""
    return number(value - baseline, sign="+")


def percent(value: float) -> str:
    """A fraction as per cent with one digit after the point."""
    return f"{100 * value:.1f} %" if math.isfinite(value) else UNDEFINED


def accuracy(scores: Scores) -> str:
    """The accuracy with its interval and what it was measured on."""
    low, high = scores.interval
    return (
        f"{number(scores.accuracy)} (95 % confidence interval {number(low)} to {number(high)}) "
        f"on {scores.examples:,} examples"
    )


def measured(threshold: ThresholdResult) -> str:
    """What was measured for a threshold; a change has its sign."""
    return number(threshold.value, threshold.digits, "+" if threshold.change else "-")


def limit(threshold: ThresholdResult) -> str:
    """What a threshold requires."""
    return f"{'≥' if threshold.minimum else '≤'} {number(threshold.limit, threshold.digits)}"


def interval(result: ThresholdResult | ClassScores) -> str:
    """The 95 % confidence interval of a fraction; "" of anything else."""
    return "" if result.interval is None else f"{number(result.interval[0])} to {number(result.interval[1])}"


def outcome(threshold: ThresholdResult) -> str:
    """The outcome of a threshold in a word."""
    return "passed" if threshold.passed else "MISSED"


_MARKUP: Final = re.compile(r"[\\`*\[\]|#]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown takes for more than a character; underscores within a word are none of it."""

_LIST: Final = re.compile(r"^([-+](?=\s|$)|\d+(?=[.)](?:\s|$)))")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: str) -> str:
    """Text that every reader of Markdown shows as it is: TensorBoard, Kubeflow's page and those of model cards."""
    marked = _MARKUP.sub(r"\\\g<0>", "".join(_ENTITIES.get(character, character) for character in text))
    return _LIST.sub(lambda match: f"\\{match[1]}" if match[1] in "-+" else f"{match[1]}\\", marked)


def loss_note(values: Mapping[str, str | int | float]) -> str:
    """What tells the training's loss from the others; "" where nothing does."""
    smoothing = values.get("label_smoothing")
    if not smoothing:
        return ""
    return (
        f"The training's losses are those of smoothed labels (label_smoothing {smoothing}), which no model brings to "
        "0; the evaluation's loss is the plain cross-entropy: they do not compare."
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of text; the first column is aligned to the left, the others to the right."""

    def cells(row: Sequence[str]) -> list[str]:
        return [escaped(cell) for cell in row]

    rule = [":--", *["--:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (cells(header), rule, *map(cells, rows)))


def verdict(review: Review) -> str:
    """The verdict in words, why, and what the model was compared with."""
    reasons = "".join(f"\n- {escaped(reason)}" for reason in review.verdict.reasons)
    parts = [f"**{review.verdict.headline}.**{chr(10) if reasons else ''}{reasons}", escaped(review.verdict.comparison)]
    return "\n\n".join([*parts, f"Accuracy {accuracy(review.model.overall)}."])


def thresholds(review: Review) -> str:
    """A table of every threshold, its value and its outcome."""
    rows = [(t.subject, t.measure, measured(t), interval(t), limit(t), outcome(t)) for t in review.thresholds]
    return table(("of", "measure", "value", "95 % interval", "limit", "outcome"), rows)


def overall(model: ModelScores, baseline: ModelScores | None) -> str:
    """A table of the metrics over all examples, with the baseline's."""
    metrics = model.overall.metrics.items()
    if baseline is None:
        return table(("metric", "model"), [(name, number(value)) for name, value in metrics])
    old = baseline.overall.metrics
    rows = [(name, number(value), number(old[name]), change(value, old[name])) for name, value in metrics]
    return table(("metric", "model", "baseline", "change"), rows)


def classes(model: ModelScores, baseline: ModelScores | None = None) -> str:
    """A table of the metrics of each class, with the change of the recall from the baseline's where there is one."""
    header = ["class", "examples", "precision", "recall", "its 95 % interval", "F1", "AUC"]
    rows = [
        [c.name, f"{c.examples:,}", number(c.precision), number(c.recall), interval(c), number(c.f1), number(c.auc)]
        for c in model.classes
    ]
    if baseline:
        header.append("recall, change")
        for row, now, old in zip(rows, model.classes, baseline.classes, strict=True):
            row.append(change(now.recall, old.recall))
    return table(header, rows)


def configuration(review: Review) -> Rows:
    """What the model was made from: hyperparameters, epochs, data and versions, as rows."""
    given = hyperparameters(review.hyperparameters, review.tuned)
    return (*given, *review.training_end, *review.data, *review.versions)


def hyperparameters(values: Mapping[str, str | int | float], tuned: Collection[str]) -> Rows:
    """What a model was trained with, as rows; what a search chose is marked as tuned."""
    return tuple((name, f"{value} (tuned)" if name in tuned else str(value)) for name, value in values.items())


def trials(review: Review) -> str:
    """A table of the trials of a search, and which was the best."""
    return table(*trial_rows(review))


def trial_rows(review: Review) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header of the table of trials, and its rows."""
    names = list(dict.fromkeys(name for trial in review.trials for name in trial.values))
    best = best_of(review.trials)
    rows = [
        (
            f"{trial.number}{' (best)' if trial == best else ''}",
            *(str(trial.values.get(name, "")) for name in names),
            "diverged" if trial.accuracy is None else number(trial.accuracy),
        )
        for trial in review.trials
    ]
    return ("trial", *names, "accuracy"), rows


def mistakes(review: Review) -> str:
    """A table of the worst mistakes."""
    found = review.predictions
    if not found.mistakes:
        return "The model makes no mistake on these examples."
    rows = [
        (m.label, m.predicted, number(m.probability), number(m.label_probability), m.origin) for m in found.mistakes
    ]
    title = f"The worst {len(rows)} of {found.mistake_count:,}, those with the most probability on the wrong class."
    header = ("true class", "predicted", "its probability", "of the true class", "example")
    return f"{title}\n\n{table(header, rows)}"
