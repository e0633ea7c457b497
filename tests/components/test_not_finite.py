"""A model whose outputs are not finite is refused in words, with its review; a baseline like that is named."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from tests.saved_model import export_classifier
from tests.small_run import Run
from tfx_pipeline.components import evaluation_review, evaluator
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.evaluation.results import Evaluation, read_evaluation
from tfx_pipeline.record.run_record import RunRecord
from tfx_pipeline.review import report_pages

NAN, INFINITY = math.nan, math.inf
BRIGHT = 100.0
"""A mean of an image's bytes that some of the real images are above."""


def bright_images(value: float) -> Callable[[Any, Any], Any]:
    """Spoils the logits of bright images."""
    return lambda logits, pixels: tf.where(tf.reduce_mean(pixels, axis=1, keepdims=True) > BRIGHT, value, logits)


def one_class(value: float) -> Callable[[Any, Any], Any]:
    """Spoils one logit of every image."""
    return lambda logits, _: tf.concat([logits[:, :9], tf.fill([tf.shape(logits)[0], 1], value)], axis=1)


@pytest.fixture
def judge(first_run: Run, tmp_path: Path) -> Iterator[Callable[..., tuple[Evaluation, bool, Path]]]:
    """Evaluates and reviews a model with thresholds that every model reaches; gives the page too."""

    def run(model: Path, baseline: Path | None = None) -> tuple[Evaluation, bool, Path]:
        inputs = {
            "examples": _artifact(standard_artifacts.Examples, first_run.artifact("example-gen", "examples")),
            "schema": _artifact(standard_artifacts.Schema, first_run.artifact("schema-import", "schema")),
            "model": _artifact(standard_artifacts.Model, model),
        }
        inputs["examples"][0].split_names = artifact_utils.encode_split_names(["train", "eval"])
        if baseline:
            inputs["baseline_model"] = _artifact(standard_artifacts.Model, baseline)
            inputs["baseline_model"][0].set_int_custom_property("version", 17)
        outputs = {
            "evaluation": _artifact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation"),
            "blessing": _artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing"),
        }
        thresholds = {name: float("drop" in name) for name in EvaluationConfig.model_fields}
        context = evaluator.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
        evaluator.Executor(context).Do(inputs, outputs, thresholds | {"fairness_indicator_thresholds": "null"})
        page = _review(first_run, inputs | outputs, tmp_path)
        blessed = bool(outputs["blessing"][0].get_int_custom_property("blessed"))
        return read_evaluation(outputs["evaluation"][0].uri), blessed, page

    return run


def _artifact(kind: type, uri: Path) -> list[Any]:
    artifact = kind()
    artifact.uri = str(uri)
    return [artifact]


def _review(first_run: Run, inputs: dict[str, list[Any]], tmp_path: Path) -> Path:
    run = {
        "statistics": _artifact(
            standard_artifacts.ExampleStatistics, first_run.artifact("statistics-gen", "statistics")
        ),
        "data_gate": _artifact(standard_artifacts.JsonValue, first_run.artifact("data-gate", "report")),
        "model_run": _artifact(standard_artifacts.ModelRun, first_run.artifact("trainer", "model_run")),
    }
    run["statistics"][0].split_names = artifact_utils.encode_split_names(["train", "eval"])
    run["data_gate"][0].uri = str(first_run.artifact("data-gate", "report") / "value")
    spec = evaluation_review.EvaluationReviewSpec
    (tmp_path / "review").mkdir()
    outputs = {key: _artifact(output.type, tmp_path / "review" / key) for key, output in spec.OUTPUTS.items()}
    needed = {key: artifacts for key, artifacts in (inputs | run).items() if key in spec.INPUTS}
    evaluation_review.Executor().Do(needed, outputs, {})
    return tmp_path / "review" / "report"


def model_of(tmp_path: Path, name: str, **how: Any) -> Path:
    export_classifier(tmp_path / name / "Format-Serving", **how)
    return tmp_path / name


def refused_count(evaluation: Evaluation) -> int:
    """The number of images in the only refusal."""
    (line,) = evaluation.refusals
    count = line.removeprefix("outputs for ").partition(" of ")[0]
    assert line == f"outputs for {count} of 1,000 images are not finite numbers (NaN or infinity)"
    return int(count.replace(",", ""))


ELSE = pytest.mark.thorough("tfx_pipeline/components/", "tfx_pipeline/evaluation/", "tfx_pipeline/review/")


@pytest.mark.parametrize(
    ("how", "share"),
    [
        ({"spoil": bright_images(NAN)}, 0.5),
        pytest.param({"weight": NAN}, 1.0, marks=ELSE),
        pytest.param({"weight": INFINITY}, 1.0, marks=ELSE),
        pytest.param({"spoil": bright_images(INFINITY)}, 0.5, marks=ELSE),
        pytest.param({"spoil": one_class(INFINITY)}, 1.0, marks=ELSE),
        ({"spoil": one_class(-INFINITY)}, 1.0),  # its probabilities are finite
    ],
)
def test_a_model_with_outputs_that_are_not_finite_is_refused_in_words_and_reviewed(
    how: dict[str, Any], share: float, judge: Callable[..., tuple[Evaluation, bool, Path]], tmp_path: Path
) -> None:
    evaluation, blessed, page = judge(model_of(tmp_path, "model", **how))
    assert not blessed
    count = refused_count(evaluation)
    assert count == 1000 if share == 1 else 0 < count < 1000
    assert evaluation.model.overall.examples == evaluation.model.confusion.sum() == 1000
    assert math.isnan(evaluation.model.overall.loss)
    assert 0 <= evaluation.model.overall.accuracy < 1
    text = page.read_text()
    assert evaluation.refusals[0] in text
    # Outside of pictures, which are base64.
    assert len(re.findall(r"(?<![\w+/])nan(?![\w+/=])", text, re.IGNORECASE)) == text.count("(NaN or infinity)")
    index = report_pages.publish(page, tmp_path / "pages", RunRecord("20260101-000000"))
    assert evaluation.refusals[0] in index.read_text()
    card = (tmp_path / "evaluation" / "MODEL_CARD.md").read_text()
    assert "| loss | n/a |" in card


def test_a_model_with_finite_outputs_is_not_told_of_others(
    judge: Callable[..., tuple[Evaluation, bool, Path]], tmp_path: Path
) -> None:
    evaluation, blessed, page = judge(model_of(tmp_path, "model"))
    assert blessed
    assert evaluation.refusals == ()
    assert "not finite" not in page.read_text()


def test_a_baseline_with_outputs_that_are_not_finite_is_named_and_refuses_no_better_model(
    judge: Callable[..., tuple[Evaluation, bool, Path]], tmp_path: Path
) -> None:
    baseline = model_of(tmp_path, "baseline", spoil=bright_images(NAN))
    evaluation, blessed, page = judge(model_of(tmp_path, "model"), baseline)
    assert blessed
    assert evaluation.baseline is not None
    count = evaluation.baseline.overall.not_finite
    assert 0 < count < 1000
    assert (
        f"newest pushed model. Of that version, outputs for {count} of 1,000 images are not finite" in page.read_text()
    )
