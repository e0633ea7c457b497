"""The artifacts have the shapes that the Kubeflow page reads."""

import json
import math
from pathlib import Path

import numpy as np
from ml_metadata.proto import metadata_store_pb2

from modules.dataset import DATASET
from tests.predictions import Predicted
from tfx_pipeline.components.system_artifacts import HTML, SYSTEM_ARTIFACTS, ClassificationMetrics, Metrics
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


def test_metrics_are_scalars_with_plain_names(review: Review) -> None:
    artifact = Metrics()
    kubeflow_writer.write_metrics(review, artifact)
    properties = artifact.mlmd_artifact.custom_properties
    assert properties["accuracy"].double_value == review.model.overall.accuracy
    assert properties["recall_Shirt"].double_value == review.model.classes[6].recall
    assert all(value.HasField("double_value") for value in properties.values())
    assert not any(
        set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for name in properties
    )


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
