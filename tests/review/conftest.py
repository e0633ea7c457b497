"""Reviews of a real model: of a whole run, and of the same model on examples chosen for an edge case."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.evaluator.executor import Executor as TfxExecutor
from tfx.types import artifact_utils, standard_artifacts

from modules.features import IMAGE_KEY, LABEL_KEY
from tests.predictions import predicted  # noqa: F401 - a fixture
from tests.small_run import Run
from tfx_pipeline.components.evaluator import Executor
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.inputs import ReviewInputs, read_review

HYPERPARAMETERS = {"model_name": "dense", "epochs": 2, "batch_size": 64, "learning_rate": 0.001, "seed": 1}


@pytest.fixture(scope="session")
def review_inputs(first_run: Run) -> ReviewInputs:
    """Where the parts of the first run's review are."""

    def splits(component: str, key: str) -> dict[str, str]:
        return {split: str(first_run.artifact(component, key) / f"Split-{split}") for split in ("train", "eval")}

    return ReviewInputs(
        evaluation=str(first_run.artifact("evaluator", "evaluation")),
        blessed=True,
        baseline=None,
        model=str(first_run.artifact("trainer", "model") / "Format-Serving"),
        examples=[str(path) for path in Path(splits("example-gen", "examples")["eval"]).iterdir()],
        statistics=splits("statistics-gen", "statistics"),
        data_gate=json.loads((first_run.artifact("data-gate", "report") / "value").read_text()),
        training_logs=str(first_run.artifact("trainer", "model_run")),
        hyperparameters=dict(HYPERPARAMETERS),
        training_end=(("trained epochs", "2 of 2"), ("kept epoch", "2, the last")),
        data=(("data kind", "fashion-mnist"), ("data digest", "5cf0562c")),
    )


@pytest.fixture(scope="session")
def review(review_inputs: ReviewInputs) -> Review:
    """The first run's review."""
    return read_review(review_inputs)


def write_examples(directory: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Writes a split ``eval`` as example-gen does."""
    split = directory / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        for image, label in zip(images, labels, strict=True):
            feature = {
                IMAGE_KEY: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
                LABEL_KEY: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


@pytest.fixture
def review_of(
    first_run: Run, review_inputs: ReviewInputs, tmp_path: Path
) -> Callable[[np.ndarray, np.ndarray, dict[str, float]], Review]:
    """Evaluates the run's model on other examples with the project's Evaluator, and reviews that."""

    def make(images: np.ndarray, labels: np.ndarray, thresholds: dict[str, float]) -> Review:
        write_examples(tmp_path / "examples", images, labels)
        examples, model, schema = standard_artifacts.Examples(), standard_artifacts.Model(), standard_artifacts.Schema()
        examples.uri, examples.split_names = str(tmp_path / "examples"), artifact_utils.encode_split_names(["eval"])
        model.uri = str(first_run.artifact("trainer", "model"))
        schema.uri = str(first_run.artifact("schema-import", "schema"))
        evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
        evaluation.uri, blessing.uri = str(tmp_path / "evaluation"), str(tmp_path / "blessing")
        Executor(TfxExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
            {"examples": [examples], "model": [model], "schema": [schema]},
            {"evaluation": [evaluation], "blessing": [blessing]},
            dict.fromkeys(EvaluationConfig.model_fields, 0.0) | thresholds | {"fairness_indicator_thresholds": "null"},
        )
        return read_review(
            dataclasses.replace(
                review_inputs,
                evaluation=evaluation.uri,
                blessed=bool(blessing.get_int_custom_property("blessed")),
                examples=[str(path) for path in (tmp_path / "examples" / "Split-eval").iterdir()],
            )
        )

    return make
