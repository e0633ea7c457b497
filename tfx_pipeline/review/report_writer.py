"""Shows a review as one self-contained HTML page."""

import base64
import dataclasses
import io
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
import markupsafe
import matplotlib.image
import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.evaluation.scores import ThresholdResult
from tfx_pipeline.review import charts, markdown
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.trials import summary

TEMPLATES: Final = Path(__file__).parent / "templates"


def environment() -> jinja2.Environment:
    """Jinja with the project's templates; text is escaped unless marked as safe."""
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {name: getattr(markdown, name) for name in ("number", "percent", "measured", "limit", "interval")}
    jinja.globals |= {
        "change": markdown.change,
        "hyperparameters": markdown.hyperparameters,
        "loss_note": markdown.loss_note,
        "dataset": DATASET,
        "trial_rows": markdown.trial_rows,
        "style": markupsafe.Markup((TEMPLATES / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
    }
    return jinja


def by_subject(thresholds: Sequence[ThresholdResult]) -> list[tuple[str, list[ThresholdResult]]]:
    """Groups thresholds by what they hold for; a class may be called "all examples", too."""
    groups = itertools.groupby(thresholds, key=lambda threshold: (threshold.class_name is None, threshold.subject))
    return [(subject, list(results)) for (_, subject), results in groups]


def write_report(review: Review, path: str) -> None:
    """Writes the page.

    Args:
        review: What to show.
        path: The HTML file.
    """
    Path(path).write_text(render(review), encoding="utf-8")


def render(review: Review) -> str:
    """The page as text, with everything that it needs in it."""
    figures = {
        "confusion": charts.confusion(review.model),
        "recall": charts.class_recall(review.model, review.baseline),
        "calibration": charts.calibration(review.predictions.calibration),
        "training": charts.training(review.training),
        "shares": charts.class_shares(review.statistics, [c.name for c in review.model.classes]),
    }
    classes = review.model.classes
    curves = charts.class_curves(review.predictions.curves, classes)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            review=review,
            thresholds=by_subject(review.thresholds),
            figures={name: _inline(chart) for name, chart in figures.items()},
            curves=[(scores.name, _inline(chart)) for scores, chart in zip(classes, curves, strict=True)],
            mistakes=[(mistake, data_uri(mistake.image)) for mistake in review.predictions.mistakes],
            accuracy=markdown.accuracy(review.model.overall),
            digest=embedded(digest(review)),
        )
    )


def _inline(chart: charts.Chart | None) -> dict[str, Any] | None:
    if chart is None:
        return None
    return {"svg": markupsafe.Markup(chart.svg()), "alternative": chart.alternative}  # noqa: S704 - drawn here


def data_uri(image: NDArray[np.uint8]) -> str:
    """An image, uint8 [height, width] or [height, width, 3], as a PNG in a data URI."""
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, image, cmap="gray", vmin=0, vmax=255, format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def digest(review: Review) -> dict[str, Any]:
    """What a comparison of two runs needs, as plain JSON; a metric that is not defined is null."""
    overall, tuning = review.model.overall, summary(review.trials)
    classes = [dataclasses.asdict(c) | {"f1": c.f1} for c in review.model.classes]
    content: dict[str, Any] = {
        "blessed": review.verdict.blessed,
        "headline": review.verdict.headline,
        "reasons": list(review.verdict.reasons),
        "baseline": review.verdict.baseline,
        "overall": {
            **overall.metrics,
            "examples": overall.examples,
            "calibration_error": review.predictions.calibration.error,
        },
        "classes": classes,
        "hyperparameters": review.hyperparameters,
        "training_end": dict(review.training_end),
        "tuned": sorted(review.tuned),
        "tuning": dataclasses.asdict(tuning) if tuning else None,
        "data": dict(review.data),
        "versions": dict(review.versions),
    }
    finite: dict[str, Any] = _finite(content)
    return finite


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def embedded(content: Any) -> markupsafe.Markup:
    """JSON for a script element, without anything that could end the element."""
    return markupsafe.Markup(json.dumps(content, ensure_ascii=True).replace("<", "\\u003c"))  # noqa: S704
