"""The evaluator's thresholds, and TFMA's own extractors in the place of ours."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis
from tfx.types import artifact_utils, standard_artifacts

from tests.small_run import Run
from tfx_pipeline.components import evaluator
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.evaluation.results import Evaluation, read_evaluation
from tfx_pipeline.process.errors import UserError


@pytest.fixture
def evaluate(first_run: Run, tmp_path: Path) -> Callable[..., tuple[Evaluation, bool]]:
    """Evaluates the first run's model, compared with itself: what was found, and whether the model is blessed."""

    def run(name: str, baseline: Path | None = None, **thresholds: Any) -> tuple[Evaluation, bool]:
        examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
        examples.uri = str(first_run.artifact("example-gen", "examples"))
        examples.split_names = artifact_utils.encode_split_names(["eval"])
        schema.uri = str(first_run.artifact("schema-import", "schema"))
        models = standard_artifacts.Model(), standard_artifacts.Model()
        for model in models:
            model.uri = str(first_run.artifact("trainer", "model"))
        if baseline:
            models[1].uri = str(baseline)
            models[1].set_string_custom_property("source_uri", "s3://zoo/fashion/17")
        evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
        evaluation.uri, blessing.uri = str(tmp_path / name), str(tmp_path / f"{name}-blessing")
        evaluator.Executor(evaluator.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
            {"examples": [examples], "schema": [schema], "model": [models[0]], "baseline_model": [models[1]]},
            {"evaluation": [evaluation], "blessing": [blessing]},
            EvaluationConfig(**thresholds).model_dump() | {"fairness_indicator_thresholds": "null"},
        )
        return read_evaluation(evaluation.uri), bool(blessing.get_int_custom_property("blessed"))

    return run


@pytest.mark.thorough("tfx_pipeline/components/evaluator.py", "tfx_pipeline/evaluation/")
@pytest.mark.parametrize("min_class_accuracy", [0.0, 0.6])
def test_tfmas_own_extractors_give_the_same_verdict_and_metrics_by_one_import_line(
    evaluate: Callable[..., tuple[Evaluation, bool]], monkeypatch: pytest.MonkeyPatch, min_class_accuracy: float
) -> None:
    limits = {"min_accuracy": 0.5, "min_class_accuracy": min_class_accuracy}
    ours, ours_blessed = evaluate("ours", **limits)
    # What `from tensorflow_model_analysis import extractors` in the place of ours does.
    monkeypatch.setattr(evaluator, "extractors", tensorflow_model_analysis.extractors)
    theirs, theirs_blessed = evaluate("theirs", **limits)
    assert ours_blessed == theirs_blessed == (min_class_accuracy == 0)
    assert ours.refusals == theirs.refusals
    assert ours.thresholds == theirs.thresholds
    for one, other in ((ours.model, theirs.model), (ours.baseline, theirs.baseline)):
        assert (one.confusion == other.confusion).all()
        assert one.overall.metrics == pytest.approx(other.overall.metrics, rel=1e-6)
        assert [c.recall for c in one.classes] == [c.recall for c in other.classes]
        assert [c.auc for c in one.classes] == pytest.approx([c.auc for c in other.classes], abs=1e-4)


def test_each_threshold_of_the_configuration_is_a_parameter() -> None:
    assert list(evaluator.EvaluatorSpec.PARAMETERS) == [
        "min_accuracy", "min_class_accuracy", "max_accuracy_drop", "max_class_accuracy_drop",
    ]  # fmt: skip


def test_a_threshold_typed_into_kubeflows_page_is_checked_by_the_step() -> None:
    with pytest.raises(UserError, match=r"max_accuracy_drop: got -1\.0, expected greater than or equal to 0"):
        evaluator.Executor().Do({}, {}, EvaluationConfig().model_dump() | {"max_accuracy_drop": -1.0})


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
def test_a_baseline_with_weights_cut_short_is_one_line_that_names_the_version(
    name: str, evaluate: Callable[..., tuple[Evaluation, bool]], first_run: Run, tmp_path: Path
) -> None:
    cut = shutil.copytree(first_run.artifact("trainer", "model"), tmp_path / "baseline")
    weights = cut / "Format-Serving" / "variables" / name
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(UserError) as error:
        evaluate("cut", baseline=cut)
    line = str(error.value)
    assert line.startswith(
        "s3://zoo/fashion/17: no model of this pipeline's to compare with: TensorFlow cannot use it ("
    )
    assert line.endswith("); move it away, or give --baseline none (on Kubeflow the run parameter baseline)")
    assert len(line) < 900


def test_an_evaluation_that_fails_with_a_sound_baseline_keeps_its_own_error(
    evaluate: Callable[..., tuple[Evaluation, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(evaluator.tfx_executor.Executor, "Do", fail)
    with pytest.raises(RuntimeError, match="no room"):
        evaluate("failed")
