"""Trains a model: the ``run_fn`` that TFX's Trainer calls."""

import logging
import math
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import devices, model_check
from modules.checkpoint import EpochCheckpoint
from modules.early_stopping import Curves, EarlyStopping, HeldBack
from modules.hyperparameters import Hyperparameters
from modules.input_pipeline import EpochShuffle, Part, input_fn, label_counts, require_all
from modules.serving import export

logger = logging.getLogger(__name__)

EVAL_BATCH_SIZE = 1_000
STEPS_PER_EXECUTION = 32
"""Batches that Keras runs in one call of a graph; with small models, the calls cost more than the arithmetic."""


class TrainingError(ValueError):
    """A training cannot go on as it was configured."""


class EpochLogger(keras.callbacks.Callback):
    """Logs one line an epoch: the epoch, and every metric of training and validation."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Logs the metrics of the epoch that ended, counted from 1."""
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        logger.info("epoch %d/%d  %s", epoch + 1, self.params["epochs"], metrics)


def stop_when_diverged(learning_rate: float, precision: str) -> keras.callbacks.Callback:
    """Raises ``TrainingError`` at the first epoch with a loss that is not finite, before a later callback keeps it."""
    advice = "give a lower learning rate" + (", or precision float32" if precision != "float32" else "")

    def check(epoch: int, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            if not math.isfinite(value):
                settings = f"learning rate {learning_rate:g}, precision {precision}"
                raise TrainingError(f"epoch {epoch + 1}: {name} is {value} ({settings}): {advice}")

    return keras.callbacks.LambdaCallback(on_epoch_end=check)


def cosine_decay(learning_rate: float, epochs: int) -> keras.callbacks.Callback:
    """Lowers the learning rate from the first epoch's to 0 along half a cosine (Loshchilov and Hutter, 2017).

    It goes over all epochs, whether or not the training ends before the last of them.
    """
    return keras.callbacks.LearningRateScheduler(
        lambda epoch, _rate: learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
    )


class OwnCrossentropy(keras.losses.Loss):
    """Cross-entropy with class weights and labels that are spread over all classes in part (Szegedy et al., 2016)."""

    def __init__(self, label_smoothing: float, class_weights: np.ndarray | None) -> None:
        """Takes the share, from 0 to 1, and the weight of each class, float32 [classes]."""
        super().__init__(name="own_crossentropy")
        self._label_smoothing, self._class_weights = label_smoothing, class_weights

    def call(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The loss of each example, float32 [batch], for labels [batch] and logits, float32 [batch, classes]."""
        labels = keras.ops.cast(labels, "int64")
        hot = keras.ops.one_hot(labels, logits.shape[-1])
        losses = keras.losses.categorical_crossentropy(
            hot, logits, from_logits=True, label_smoothing=self._label_smoothing
        )
        return losses if self._class_weights is None else losses * keras.ops.take(self._class_weights, labels)


def crossentropy(label_smoothing: float, class_weights: np.ndarray | None = None) -> keras.losses.Loss:
    """The loss of labels, int64 [batch], and logits, float32 [batch, classes]."""
    if label_smoothing or class_weights is not None:
        return OwnCrossentropy(label_smoothing, class_weights)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Weights by which each class with images counts the same and the mean over all images is 1, float32 [classes]."""
    present = np.count_nonzero(counts)
    weights = np.where(counts, counts.sum() / (present * np.maximum(counts, 1)), 0)
    return weights.astype(np.float32)


def run_fn(fn_args: FnArgs) -> None:
    """Trains the configured model and exports it.

    Two runs with the same configuration and data on one machine give the same weights: Python, NumPy, Keras and
    the shuffle follow from the seed, and a training that was killed ends as if it had not been. On GPUs, this takes
    ``determinism``: some of their operations are faster without an order.

    Args:
        fn_args: TFX's arguments; ``custom_config`` holds every field of ``Hyperparameters`` by its name and,
            optionally, ``checkpoint_dir`` (str): where the state after each epoch is kept for the case that this
            process dies, ``num_examples`` (dict): how many examples the splits must have, and ``held_back_files``
            (list of str): patterns of the files of a split ``val``, held back instead of a part of ``train``.

    Raises:
        ValueError: The model's name is unknown.
        ModelError: The model cannot be trained on the data set.
        TrainingError: The training diverged.
        ExamplesError: There are other examples than there must be, or none.
        NoGpuError: A GPU was asked for and there is none.
    """
    wanted = Hyperparameters.of(fn_args.custom_config)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    checkpoint_dir = fn_args.custom_config.get("checkpoint_dir")
    model, _metrics = train(fn_args, wanted, devices.choose(wanted.device, wanted.precision), transform, checkpoint_dir)
    export(model, transform, fn_args.serving_model_dir)
    logger.info("exported %s", model.name)


def train(
    fn_args: FnArgs,
    wanted: Hyperparameters,
    hardware: devices.Hardware,
    transform: tft.TFTransformOutput,
    checkpoint_dir: str | None,
    *,
    trial: bool = False,
) -> tuple[keras.Model, dict[str, float]]:
    """Trains a model, for ``run_fn`` and for each trial of a search; what it raises, ``run_fn`` names.

    Args:
        fn_args: TFX's arguments, for the places of data and curves, and how many examples there must be.
        wanted: The hyperparameters.
        hardware: What to train on.
        transform: Transform's output.
        checkpoint_dir: Where the state after each epoch is kept; nowhere where it is None or "".
        trial: Whether to judge by the part of ``train`` that is held back alone, and to leave out curves and the lines
            on each epoch.

    Returns:
        The model, and the metrics of the epoch whose weights it has.
    """
    keras.utils.set_random_seed(wanted.seed)
    # Where TensorFlow's own seed is 0 modulo 2^31 - 1, tf.data compares the shuffle's, a Variable, in Python.
    tf.random.set_seed(wanted.seed % (2**31 - 1) or 2**31 - 2)
    if wanted.determinism == "on":
        tf.config.experimental.enable_op_determinism()
    weights = balanced_weights(label_counts(fn_args.train_files)) if wanted.class_weight == "balanced" else None
    with hardware.scope():
        model = model_check.build(wanted.model_name)
        model.compile(
            optimizer=keras.optimizers.Adam(hardware.learning_rate(wanted.learning_rate)),
            loss=crossentropy(wanted.label_smoothing, weights),
            metrics=["accuracy"],
            # Keras' loop over the steps does not find the batches of several devices.
            steps_per_execution=STEPS_PER_EXECUTION if hardware.replicas == 1 else 1,
        )
        stopping = EarlyStopping(model, wanted.early_stopping)
        _fit(model, stopping, fn_args, transform, wanted, hardware, checkpoint_dir, trial=trial)
    if not trial:
        stopping.note(fn_args.model_run_dir)
    return model, stopping.kept_metrics


def _fit(
    model: keras.Model,
    stopping: EarlyStopping,
    fn_args: FnArgs,
    transform: tft.TFTransformOutput,
    wanted: Hyperparameters,
    hardware: devices.Hardware,
    checkpoint_dir: str | None,
    *,
    trial: bool,
) -> None:
    shuffle = EpochShuffle(wanted.seed)
    decay = cosine_decay(hardware.learning_rate(wanted.learning_rate), wanted.epochs)
    train, held_back, validation = _examples(fn_args, transform, wanted, hardware, shuffle, trial=trial)
    judge = [] if held_back is None else [HeldBack(held_back)]
    diverged = stop_when_diverged(wanted.learning_rate, hardware.precision)
    shown = [] if trial else [EpochLogger()]
    curves = [] if trial else [Curves(fn_args.model_run_dir)]
    callbacks = [shuffle, decay, *judge, *shown, diverged, *curves, stopping]
    if checkpoint_dir:
        checkpoint = EpochCheckpoint(model, checkpoint_dir, stopping.best_weights)
        stopping.resume(checkpoint.finished)
        callbacks += [*map(checkpoint.replay, curves), checkpoint]
    try:
        model.fit(
            train,
            validation_data=validation,
            initial_epoch=stopping.trained_epochs,
            epochs=stopping.trained_epochs if stopping.has_stopped else wanted.epochs,
            callbacks=callbacks,
            verbose=0,
        )
    except tf.errors.FailedPreconditionError:
        # TensorFlow's words on a wrong number of examples do not say of which files.
        counts = fn_args.custom_config.get("num_examples", {})
        require_all(fn_args.train_files, counts.get("train"))
        require_all(fn_args.eval_files, counts.get("eval"))
        require_all(fn_args.custom_config.get("held_back_files", []), counts.get("val"))
        raise


def _examples(
    fn_args: FnArgs,
    transform: tft.TFTransformOutput,
    wanted: Hyperparameters,
    hardware: devices.Hardware,
    shuffle: EpochShuffle,
    *,
    trial: bool,
) -> tuple[Any, Any, Any]:
    """What is fitted, what is held back from that, and the split ``eval``; None for what there is not.

    Where the data has a split of its own to hold back, it is that one, and all of ``train`` is fitted.
    """
    config = fn_args.custom_config
    counts, own = config.get("num_examples", {}), config.get("held_back_files")
    part = 0.0 if own else wanted.validation_fraction
    if own and wanted.validation_fraction and not trial:
        fraction = wanted.validation_fraction
        logger.info("validation_fraction %g is not used: the data has a split val of its own, which is", fraction)
    read = partial(input_fn, fn_args.train_files, transform, num_examples=counts.get("train"))
    if own:
        held_back = input_fn(own, transform, EVAL_BATCH_SIZE, num_examples=counts.get("val"))
    else:
        held_back = read(EVAL_BATCH_SIZE, part=Part.held_back(part)) if part else None
    train = read(wanted.batch_size * hardware.replicas, shuffle.seed, part=Part.fitted(part))
    eval_count = counts.get("eval")

    def distributed(examples: tf.data.Dataset | None) -> Any:
        return None if examples is None else hardware.distribute(examples)

    return (
        distributed(train),
        distributed(held_back),
        distributed(None if trial else input_fn(fn_args.eval_files, transform, EVAL_BATCH_SIZE, None, eval_count)),
    )
