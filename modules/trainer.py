"""Trains a model: the ``run_fn`` that TFX's Trainer calls."""

import logging
import math
from typing import Any

import keras
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import models
from modules.data import dataset
from modules.serving import export

logger = logging.getLogger(__name__)

EVAL_BATCH_SIZE = 1_000
STEPS_PER_EXECUTION = 32
"""Batches that Keras runs in one call of a graph; with small models, the calls cost more than the arithmetic."""


class EpochLogger(keras.callbacks.Callback):
    """Logs one line an epoch: the epoch, and every metric of training and validation."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Logs the metrics of the epoch that ended, counted from 1."""
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        logger.info("epoch %d/%d  %s", epoch + 1, self.params["epochs"], metrics)


def cosine_decay(learning_rate: float, epochs: int) -> keras.callbacks.Callback:
    """Lowers the learning rate from epoch to epoch along half a cosine (Loshchilov and Hutter, 2017).

    Args:
        learning_rate: The first epoch's.
        epochs: All epochs of the training; the rate would be 0 after the last.

    Returns:
        A callback that sets the rate at the start of each epoch.
    """
    return keras.callbacks.LearningRateScheduler(
        lambda epoch, _rate: learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
    )


def run_fn(fn_args: FnArgs) -> None:
    """Trains the configured model and exports it.

    Two runs with the same configuration and data on one machine give the same weights: Python, NumPy, Keras and
    the shuffle follow from the seed.

    Args:
        fn_args: TFX's arguments; ``custom_config`` holds ``model_name`` (str), ``epochs`` (int), ``batch_size`` (int),
            ``learning_rate`` (float) and ``seed`` (int).

    Raises:
        ValueError: The model's name is unknown.
    """
    config: dict[str, Any] = fn_args.custom_config
    seed = config["seed"]
    keras.utils.set_random_seed(seed)
    transform = tft.TFTransformOutput(fn_args.transform_output)
    model = models.build(config["model_name"])
    model.compile(
        optimizer=keras.optimizers.Adam(config["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    model.fit(
        dataset(fn_args.train_files, transform, config["batch_size"], shuffle_seed=seed),
        validation_data=dataset(fn_args.eval_files, transform, EVAL_BATCH_SIZE),
        epochs=config["epochs"],
        callbacks=[
            cosine_decay(config["learning_rate"], config["epochs"]),
            EpochLogger(),
            keras.callbacks.TensorBoard(fn_args.model_run_dir, write_graph=False),
        ],
        verbose=0,
    )
    export(model, transform, fn_args.serving_model_dir)
    logger.info("exported %s to %s", model.name, fn_args.serving_model_dir)
