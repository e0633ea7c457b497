"""Shows a review in TensorBoard, in the same log directory as the training's curves."""

import shutil
import struct
from pathlib import Path
from typing import Final

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.pr_curve import summary as pr_curve_summary

from modules.dataset import DATASET
from tfx_pipeline.review import charts, fonts, markdown
from tfx_pipeline.review.content import Curve, Review, Trial
from tfx_pipeline.review.predictions import UNIFORM_THRESHOLDS

DIVISION_SLASH: Final = "\u2215"

STEP: Final = 0
"""An evaluation has no steps; TensorBoard wants one."""

OVERALL: Final = "evaluation"
BY_CLASS: Final = "evaluation_by_class"
"""TensorBoard sorts groups by name: after the training's ``epoch_...`` come the evaluation's, then those by class."""

CALIBRATION_ERROR: Final = f"{OVERALL}/expected calibration error"
WORST_RECALL: Final = f"{OVERALL}/recall of the worst class"

TRIALS: Final = "trials"
TRIAL_ACCURACY: Final = "tuning/accuracy"

SHOWN_MISTAKES: Final = 16
"""As many as are recognizable in a thumbnail."""


def write_tensorboard(review: Review, directory: str, training_logs: str, run_id: str) -> None:
    """Writes the events.

    The review stands in the directory itself and the training's curves in its folders, so TensorBoard shows one run
    named by the directory, with ``/train``, ``/validation`` and, where there is one, ``/held_back`` below it, and
    ``/trials`` where there was a search.

    Args:
        review: What to show.
        directory: Receives the events.
        training_logs: Directory of the training's events, which are copied.
        run_id: Tells this run from others with the same hyperparameters.
    """
    if Path(training_logs).is_dir():
        shutil.copytree(training_logs, directory, dirs_exist_ok=True)
    writer = tf.summary.create_file_writer(directory)
    with writer.as_default(step=STEP):
        for tag, value in scalars(review).items():
            tf.summary.scalar(tag, value)
        _write_images(review)
        _write_texts(review)
        for curve in review.predictions.curves:
            if curve.defined:
                _write_pr_curve(curve)
        _write_hparams(review, run_id)
    writer.close()
    for trial in review.trials:
        _write_trial(review, trial, Path(directory, TRIALS, f"{trial.number:0{len(str(len(review.trials)))}d}"), run_id)


def scalars(review: Review) -> dict[str, float]:
    """The scalars by tag, those that are defined.

    A tag's first part is the group that TensorBoard shows together, with one chart a class.
    """
    model, worst = review.model, review.model.worst_class
    values = {
        **{f"{OVERALL}/{_in_tag(name)}": value for name, value in model.overall.metrics.items()},
        CALIBRATION_ERROR: review.predictions.calibration.error,
        WORST_RECALL: worst.recall if worst else np.nan,
    }
    for scores in model.classes:
        name = _class_tag(scores.name)
        values |= {
            f"{BY_CLASS}_precision/{name}": scores.precision,
            f"{BY_CLASS}_recall/{name}": scores.recall,
            f"{BY_CLASS}_F1/{name}": scores.f1,
            f"{BY_CLASS}_AUC/{name}": scores.auc,
        }
    return {tag: value for tag, value in values.items() if np.isfinite(value)}


def _in_tag(name: str) -> str:
    """A name with the mathematical sign for division, as a slash would start a new group."""
    return name.replace("/", DIVISION_SLASH)


def _class_tag(name: str) -> str:
    """A class's name in a tag, which no other class shares."""
    tag = _in_tag(name)
    label = DATASET.class_names.index(name)
    return tag if [_in_tag(other) for other in DATASET.class_names].count(tag) == 1 else f"{tag} (class {label})"


def _write_images(review: Review) -> None:
    """Writes each picture into its own group, as TensorBoard shows only twelve of a group at once."""
    pictures = {
        "review_confusion_matrix": charts.confusion(review.model, _pictured()),
        "review_worst_mistakes": charts.mistakes(review.predictions.mistakes[:SHOWN_MISTAKES]),
        "review_calibration": charts.calibration(review.predictions.calibration),
    }
    for tag, chart in pictures.items():
        png = chart.png()
        width, height = struct.unpack(">II", png[16:24])  # where the PNG format has them
        metadata = image_metadata.create_summary_metadata(
            display_name=None,
            description=markdown.escaped(chart.alternative + fonts.legend(DATASET.class_names)),
            converted_to_tensor=True,
        )
        # tf.summary.image takes pixels and would compress them again.
        tf.summary.write(tag, tf.constant([str(width), str(height), png]), metadata=metadata)


def _pictured() -> tuple[str, ...] | None:
    shown = fonts.pictured(DATASET.class_names)
    return None if shown == DATASET.class_names else shown


def _write_texts(review: Review) -> None:
    texts = {
        "1_verdict": markdown.verdict(review),
        "2_thresholds": markdown.thresholds(review),
        "3_metrics": markdown.overall(review.model, review.baseline),
        "4_classes": markdown.classes(review.model, review.baseline),
        "5_worst_mistakes": markdown.mistakes(review),
        "6_configuration": markdown.table(("what", "value"), markdown.configuration(review)),
    }
    for tag, content in texts.items():
        tf.summary.text(tag, content)


def _write_pr_curve(curve: Curve) -> None:
    chosen = np.isin(curve.thresholds.astype(np.float32), UNIFORM_THRESHOLDS.astype(np.float32))
    true_positives, false_positives = curve.true_positives[chosen], curve.false_positives[chosen]
    summary = pr_curve_summary.raw_data_pb(
        name=f"one class against the others/{_class_tag(curve.name)}",
        true_positive_counts=true_positives,
        false_positive_counts=false_positives,
        true_negative_counts=curve.negatives - false_positives,
        false_negative_counts=curve.positives - true_positives,
        precision=curve.precision[chosen],
        recall=curve.recall[chosen],
        num_thresholds=len(UNIFORM_THRESHOLDS),
    )
    tf.summary.experimental.write_raw_pb(summary.SerializeToString())


def _write_hparams(review: Review, run_id: str) -> None:
    metrics = [tag for tag in scalars(review) if tag.startswith(f"{OVERALL}/")]
    hp.hparams_config(
        hparams=[hp.HParam(name) for name in review.hyperparameters],
        metrics=[
            *(hp.Metric(tag, display_name=tag.removeprefix(f"{OVERALL}/")) for tag in metrics),
            # Named by every run, since TensorBoard takes the columns of all from one of them.
            hp.Metric(TRIAL_ACCURACY, display_name="accuracy of a trial", description="on held-back training data"),
        ],
    )
    _write_session(review.hyperparameters, run_id, api_pb2.STATUS_SUCCESS)


def _write_trial(review: Review, trial: Trial, directory: Path, run_id: str) -> None:
    writer = tf.summary.create_file_writer(str(directory))
    with writer.as_default(step=STEP):
        values = {**review.hyperparameters, **trial.values}
        if trial.accuracy is None:
            _write_session(values, f"{run_id} trial {trial.number}", api_pb2.STATUS_FAILURE)
        else:
            tf.summary.scalar(TRIAL_ACCURACY, trial.accuracy)
            _write_session(values, f"{run_id} trial {trial.number}", api_pb2.STATUS_SUCCESS)
    writer.close()


def _write_session(hyperparameters: dict[str, str | int | float], name: str, status: int) -> None:
    hp.hparams(hyperparameters, trial_id=name)
    end = hparams_summary.session_end_pb(status)
    tf.summary.experimental.write_raw_pb(end.SerializeToString())
