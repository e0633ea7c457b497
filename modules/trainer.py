"""Trains a model: the ``run_fn`` that TFX's Trainer calls."""

import logging
import math
from functools import partial
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import devices, model_check
from modules.checkpoint import EpochCheckpoint
from modules.early_stopping import Curves, EarlyStopping, HeldBack
from modules.input_pipeline import EpochShuffle, Part, input_fn, require_all
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


def run_fn(fn_args: FnArgs) -> None:
    """Trains the configured model and exports it.

    Two runs with the same configuration and data on one machine give the same weights: Python, NumPy, Keras and
    the shuffle follow from the seed, and a training that was killed ends as if it had not been. On GPUs, this takes
    ``determinism``: some of their operations are faster without an order.

    Args:
        fn_args: TFX's arguments; ``custom_config`` holds ``model_name`` (str), ``epochs`` (int), ``batch_size`` (int,
            examples that each device takes in a step), ``learning_rate`` (float, for one device), ``seed`` (int),
            ``held_back`` (float, the fraction of the split ``train`` that is not trained on), ``early_stopping`` (int,
            the epochs without a lower loss on that part after which a training ends; 0 is never),
            ``device`` and ``precision`` (str, see ``modules.devices.choose``), ``determinism`` (``on`` or ``off``)
            and, optionally, ``checkpoint_dir`` (str): where the state after each epoch is kept for the case that this
            process dies, and ``num_examples`` (dict): how many examples the splits ``train`` and ``eval`` must have.

    Raises:
        ValueError: The model's name is unknown.
        ModelError: The model cannot be trained on the data set.
        TrainingError: The training diverged.
        ExamplesError: There are other examples than there must be, or none.
        NoGpuError: A GPU was asked for and there is none.
    """
    config: dict[str, Any] = fn_args.custom_config
    hardware = devices.choose(config["device"], config["precision"])
    keras.utils.set_random_seed(config["seed"])
    # Where TensorFlow's own seed is 0 modulo 2^31 - 1, tf.data compares the shuffle's, a Variable, in Python.
    tf.random.set_seed(config["seed"] % (2**31 - 1) or 2**31 - 2)
    if config["determinism"] == "on":
        tf.config.experimental.enable_op_determinism()
    transform = tft.TFTransformOutput(fn_args.transform_output)
    with hardware.scope():
        model = model_check.build(config["model_name"])
        model.compile(
            optimizer=keras.optimizers.Adam(hardware.learning_rate(config["learning_rate"])),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            # Keras' loop over the steps does not find the batches of several devices.
            steps_per_execution=STEPS_PER_EXECUTION if hardware.replicas == 1 else 1,
        )
        _fit(model, transform, fn_args, hardware)
    export(model, transform, fn_args.serving_model_dir)
    logger.info("exported %s", model.name)


def _fit(model: keras.Model, transform: tft.TFTransformOutput, fn_args: FnArgs, hardware: devices.Hardware) -> None:
    config: dict[str, Any] = fn_args.custom_config
    learning_rate, batch_size = config["learning_rate"], config["batch_size"] * hardware.replicas
    shuffle = EpochShuffle(config["seed"])
    decay = cosine_decay(hardware.learning_rate(learning_rate), config["epochs"])
    counts = config.get("num_examples", {})
    read = partial(input_fn, fn_args.train_files, transform, num_examples=counts.get("train"))
    train = read(batch_size, shuffle.seed, part=Part.fitted(config["held_back"]))
    held_back = [read(EVAL_BATCH_SIZE, part=Part.held_back(config["held_back"]))] if config["held_back"] else []
    judge = [HeldBack(hardware.distribute(part)) for part in held_back]
    curves, stopping = Curves(fn_args.model_run_dir), EarlyStopping(model, config["early_stopping"])
    diverged = stop_when_diverged(learning_rate, hardware.precision)
    callbacks = [shuffle, decay, *judge, EpochLogger(), diverged, curves, stopping]
    if config.get("checkpoint_dir"):
        checkpoint = EpochCheckpoint(model, config["checkpoint_dir"], stopping.best_weights)
        stopping.resume(checkpoint.finished)
        callbacks += [checkpoint.replay(curves), checkpoint]
    validation = input_fn(fn_args.eval_files, transform, EVAL_BATCH_SIZE, num_examples=counts.get("eval"))
    try:
        model.fit(
            hardware.distribute(train),
            validation_data=hardware.distribute(validation),
            initial_epoch=stopping.trained_epochs,
            epochs=stopping.trained_epochs if stopping.has_stopped else config["epochs"],
            callbacks=callbacks,
            verbose=0,
        )
    except tf.errors.FailedPreconditionError:
        # TensorFlow's words on a wrong number of examples do not say of which files.
        require_all(fn_args.train_files, counts.get("train"))
        require_all(fn_args.eval_files, counts.get("eval"))
        raise
    stopping.note(fn_args.model_run_dir)
