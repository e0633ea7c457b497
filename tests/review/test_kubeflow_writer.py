"""The artifacts have the shapes that the Kubeflow page reads."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2
from sklearn.metrics import f1_score, roc_auc_score

from modules.dataset import DATASET
from tests.predictions import Predicted
from tfx_pipeline.record.system_types import HTML, SYSTEM_ARTIFACTS, ClassificationMetrics, Metrics
from tfx_pipeline.review import kubeflow_writer
from tfx_pipeline.review.content import Review


def test_the_confusion_matrix_is_square_and_named(review: Review) -> None:
    matrix = kubeflow_writer.confusion_matrix(review.model)
    assert [spec["displayName"] for spec in matrix["annotationSpecs"]] == list(DATASET.class_names)
    assert [len(row["row"]) for row in matrix["rows"]] == [10] * 10
    assert sum(sum(row["row"]) for row in matrix["rows"]) == 1000


def test_the_roc_curve_is_finite_and_rises_from_0_to_1(review: Review, predicted: Predicted) -> None:
    points = kubeflow_writer.confidence_metrics(review.predictions.curves)
    assert len(points) <= kubeflow_writer.ROC_POINTS
    for key in ("confidenceThreshold", "recall", "falsePositiveRate"):
        assert all(math.isfinite(point[key]) for point in points)
    assert (points[-1]["recall"], points[-1]["falsePositiveRate"]) == (1, 1)
    assert (np.diff([point["recall"] for point in points]) >= 0).all()
    assert (np.diff([point["falsePositiveRate"] for point in points]) >= 0).all()
    point = points[len(points) // 2]
    of_label = predicted.probabilities[np.arange(1000), predicted.labels]
    assert abs((of_label >= point["confidenceThreshold"]).mean() - point["recall"]) < 0.002


def test_the_metadata_survive_a_json_round_trip(review: Review) -> None:
    artifact = ClassificationMetrics()
    kubeflow_writer.write_classification_metrics(review, artifact)
    for key in ("confusionMatrix", "confidenceMetrics"):
        value = artifact.get_json_value_custom_property(key)
        assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_metrics_are_few_scalars_of_which_the_page_shows_accuracy_first(review: Review) -> None:
    artifact = Metrics()
    kubeflow_writer.write_metrics(review, artifact)
    properties = artifact.mlmd_artifact.custom_properties
    assert sorted(properties) == [
        "accuracy", "blessed", "calibration_error", "loss", "macro_auc", "macro_f1", "worst_class",
        "worst_class_accuracy",
    ]  # fmt: skip
    assert properties["accuracy"].double_value == review.model.overall.accuracy
    recalls = {scores.name: scores.recall for scores in review.model.classes}
    assert properties["worst_class"].string_value == min(recalls, key=lambda name: recalls[name])
    assert properties["worst_class_accuracy"].double_value == min(recalls.values())
    assert all(value.HasField("double_value") for name, value in properties.items() if name != "worst_class")


def test_macro_averages_are_scikit_learns(review: Review, predicted: Predicted) -> None:
    found = kubeflow_writer.scalars(review)
    classes = predicted.probabilities.argmax(axis=1)
    assert found["macro_f1"] == pytest.approx(f1_score(predicted.labels, classes, average="macro"), abs=1e-6)
    expected = roc_auc_score(predicted.labels, predicted.probabilities, multi_class="ovr", average="macro")
    assert found["macro_auc"] == pytest.approx(expected, abs=1e-3)


def test_a_baseline_adds_how_far_accuracy_changed(review: Review) -> None:
    compared = dataclasses.replace(review, baseline=review.model)
    assert sorted(kubeflow_writer.scalars(compared))[:2] == ["accuracy", "accuracy_change"]
    assert kubeflow_writer.scalars(compared)["accuracy_change"] == 0


def test_a_metric_of_your_own_comes_after_accuracy_whatever_it_is_called(review: Review) -> None:
    overall = review.model.overall
    metrics = overall.metrics | {"AUC (PR)": 0.9, "Absolute error": 0.1, "F1": 0.8, "top 2/3 accuracy": 1.0}
    model = dataclasses.replace(review.model, overall=dataclasses.replace(overall, metrics=metrics))
    found = kubeflow_writer.scalars(dataclasses.replace(review, model=model))
    assert min(found) == "accuracy"
    assert {"auc_pr", "metric_absolute_error", "f1", "top_2_3_accuracy"} <= found.keys()


def test_classes_without_examples_leave_out_what_is_not_defined(review: Review) -> None:
    empty = tuple(
        dataclasses.replace(c, recall=math.nan, precision=math.nan, auc=math.nan) for c in review.model.classes
    )
    nothing = dataclasses.replace(review, model=dataclasses.replace(review.model, classes=empty))
    artifact = Metrics()
    kubeflow_writer.write_metrics(nothing, artifact)
    left = {"accuracy", "blessed", "calibration_error", "loss"}
    assert artifact.mlmd_artifact.custom_properties.keys() == left


def test_markdown_says_the_verdict_and_every_class(review: Review, tmp_path: Path) -> None:
    kubeflow_writer.write_markdown(review, str(tmp_path / "summary.md"))
    content = (tmp_path / "summary.md").read_text()
    assert content.startswith("# Evaluation\n\n**Blessed")
    assert all(f"| {name} | " in content for name in DATASET.class_names)


def test_the_types_are_kubeflows() -> None:
    assert {kind.TYPE_NAME for kind in SYSTEM_ARTIFACTS} == {
        "system.HTML", "system.Markdown", "system.Metrics", "system.ClassificationMetrics",
    }  # fmt: skip
    assert not any(kind.PROPERTIES for kind in SYSTEM_ARTIFACTS)
    assert HTML().mlmd_artifact == metadata_store_pb2.Artifact()
