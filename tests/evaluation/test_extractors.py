"""Measuring by batches of one class, against TFMA's own metrics example by example."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from modules.features import LABEL_KEY
from tests.small_run import Run
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.evaluation import extractors
from tfx_pipeline.evaluation.configuration import eval_config

THRESHOLDS = EvaluationConfig(min_accuracy=0, min_class_accuracy=0, max_accuracy_drop=1, max_class_accuracy_drop=1)
TFMA_METRICS = (
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "ExampleCount",
    "MultiClassConfusionMatrixPlot",
)


def tfma_config(*, has_baseline: bool) -> config_pb2.EvalConfig:
    """The pipeline's configuration with TFMA's own metrics, which take single examples."""
    config = eval_config(THRESHOLDS, has_baseline=has_baseline)
    del config.metrics_specs[:]
    config.metrics_specs.add(metrics=[config_pb2.MetricConfig(class_name=name) for name in TFMA_METRICS])
    return config


@pytest.fixture
def evaluate(first_run: Run, tmp_path: Path) -> Callable[[config_pb2.EvalConfig, str], dict[tuple[str, str], float]]:
    """Evaluates the first run's model, and as the baseline itself, with TFX's executor: values by slice and key."""

    def run(config: config_pb2.EvalConfig, name: str) -> dict[tuple[str, str], float]:
        examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
        models = [standard_artifacts.Model() for _ in config.model_specs]
        examples.uri = str(first_run.artifact("example-gen", "examples"))
        examples.split_names = artifact_utils.encode_split_names(["eval"])
        schema.uri = str(first_run.artifact("schema-import", "schema"))
        for model in models:
            model.uri = str(first_run.artifact("trainer", "model"))
        inputs = {"examples": [examples], "schema": [schema], "model": models[:1]}
        if len(models) == 2:
            inputs["baseline_model"] = models[1:]
        evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
        evaluation.uri, blessing.uri = str(tmp_path / name), str(tmp_path / f"{name}-blessing")
        Executor(Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
            inputs,
            {"evaluation": [evaluation], "blessing": [blessing]},
            {
                "eval_config": proto_utils.proto_to_json(config),
                "example_splits": '["eval"]',
                "module_path": extractors.__name__,
            },
        )
        return dict(values(evaluation.uri))

    return run


def values(uri: str) -> Iterator[tuple[tuple[str, str], float]]:
    for metrics in tfma.load_metrics(uri):
        for item in metrics.metric_keys_and_values:
            yield (text(metrics.slice_key), text(item.key)), item.value.double_value.value
    for plots in tfma.load_plots(uri):
        for item in plots.plot_keys_and_values:
            for entry in item.value.multi_class_confusion_matrix_at_thresholds.matrices[0].entries:
                cell = f"{text(item.key)} {entry.actual_class_id} {entry.predicted_class_id}"
                yield (text(plots.slice_key), cell), entry.num_weighted_examples


def text(key: object) -> str:
    return json.dumps(json_format.MessageToDict(key), sort_keys=True)


@pytest.mark.thorough("tfx_pipeline/evaluation/")
@pytest.mark.parametrize("has_baseline", [False, True])
def test_the_values_are_those_of_tfmas_own_metrics(evaluate: Callable, has_baseline: bool) -> None:
    ours = evaluate(eval_config(THRESHOLDS, has_baseline=has_baseline), "ours")
    theirs = evaluate(tfma_config(has_baseline=has_baseline), "theirs")
    assert len({where for where, _ in theirs}) == 11
    assert theirs.keys() <= ours.keys()
    for (where, key), value in theirs.items():
        if "crossentropy" in key:
            assert ours[where, key] == pytest.approx(value, abs=1e-6), (where, key)
        else:
            # TFMA's own accuracy has Keras' precision.
            assert np.float32(ours[where, key]) == np.float32(value), (where, key)
    further = {json.loads(key)["name"] for _, key in ours.keys() - theirs.keys()}
    assert further == {"class_precision", "class_recall", "auc", "not_finite_count"}
    assert not any(math.isnan(value) for (where, _), value in ours.items() if where == "{}")


def test_metrics_and_slices_that_need_single_examples_get_them() -> None:
    other_slice = eval_config(THRESHOLDS, has_baseline=False)
    other_slice.slicing_specs.add(feature_keys=["image"])
    more_metrics = eval_config(THRESHOLDS, has_baseline=False)
    more_metrics.metrics_specs[0].metrics.add(class_name="ExampleCount")
    for config in (other_slice, more_metrics):
        assert extractors.custom_extractors(None, config, None) is None


def test_a_batch_is_split_by_class_for_every_model() -> None:
    labels = np.array([[2], [0], [2]])
    scores = np.arange(9.0).reshape(3, 3)
    batch = {
        "features": {LABEL_KEY: labels, "image": np.array([b"a", b"b", b"c"])},
        "labels": {"candidate": labels, "baseline": labels},
        "predictions": {"candidate": {"probabilities": scores}, "baseline": {"probabilities": -scores}},
    }
    first, second = extractors.split_by_class(batch)
    assert first["features"] == {LABEL_KEY: [0]}
    assert second["features"] == {LABEL_KEY: [2]}
    np.testing.assert_array_equal(second["labels"]["baseline"], [[2], [2]])
    np.testing.assert_array_equal(second["predictions"]["candidate"]["probabilities"], scores[[0, 2]])
    np.testing.assert_array_equal(first["predictions"]["baseline"]["probabilities"], -scores[[1]])
