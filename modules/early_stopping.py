"""Judges a training by examples that are held back from it, and keeps the weights of its best epoch."""

import json
import logging
from collections.abc import Sequence
from typing import Final

import keras
import tensorflow as tf

from modules.hyperparameters import EPOCHS_FILE

logger = logging.getLogger(__name__)

Logs = dict[str, float]

HELD_BACK: Final = "held_back"
"""The metrics of these examples begin with it, as Keras' own begin with ``val``; TensorBoard's folder is named so."""

MONITOR: Final = f"{HELD_BACK}_loss"


class HeldBack(keras.callbacks.Callback):
    """Adds the metrics on the held-back examples to those of each epoch, for the callbacks that stand after it."""

    def __init__(self, examples: tf.data.Dataset | tf.distribute.DistributedDataset) -> None:
        """Takes batches of pixels and labels, as Keras' ``evaluate`` does."""
        super().__init__()
        self._examples = examples

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 - Keras' form
        """Evaluates the model as it is after the epoch."""
        if logs is not None:
            metrics = self.model.evaluate(self._examples, verbose=0, return_dict=True)
            logs |= {f"{HELD_BACK}_{name}": value for name, value in metrics.items()}


class Curves(keras.callbacks.TensorBoard):
    """Writes the metrics of each epoch to the folders ``train``, ``validation`` and, given some, ``held_back``.

    Each has the same tags, so that TensorBoard draws the curves of a metric together.
    """

    def __init__(self, directory: str) -> None:
        """Writes below a directory."""
        super().__init__(directory, write_graph=False)
        self._held_back: tf.summary.SummaryWriter | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes the metrics of an epoch, counted from 0."""
        logs = logs or {}
        held_back = {name: value for name, value in logs.items() if name.startswith(HELD_BACK)}
        super().on_epoch_end(epoch, {name: value for name, value in logs.items() if name not in held_back})
        if held_back:
            self._held_back = self._held_back or tf.summary.create_file_writer(f"{self.log_dir}/{HELD_BACK}")
            with self._held_back.as_default(step=epoch):
                for name, value in held_back.items():
                    tf.summary.scalar(f"epoch_{name.removeprefix(f'{HELD_BACK}_')}", value)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the files."""
        super().on_train_end(logs)
        if self._held_back:
            self._held_back.close()


class EarlyStopping(keras.callbacks.Callback):
    """Ends a training whose loss on the held-back examples no longer falls, and restores the weights of its best epoch.

    Keras' callback of this name, with ``restore_best_weights``, forgets both its best weights and how long it has
    waited when the process dies. Here the weights are in variables, for a checkpoint to save, and everything else
    follows from the metrics of the epochs so far.
    """

    def __init__(self, model: keras.Model, patience: int) -> None:
        """Makes a callback for a model that is built.

        Args:
            model: What is trained.
            patience: The epochs without a lower loss after which to end. 0: never, and the last weights are kept. As
                many as the epochs end nothing early, and the best weights are kept.
        """
        super().__init__()
        self._patience = patience
        self._finished: list[Logs] = []
        self.best_weights = [tf.Variable(weight.numpy(), trainable=False) for weight in model.weights if patience]

    def resume(self, finished: Sequence[Logs]) -> None:
        """Goes on after epochs with these metrics, whose best weights are in ``best_weights`` again."""
        self._finished = list(finished)

    @property
    def trained_epochs(self) -> int:
        """How many epochs are over."""
        return len(self._finished)

    @property
    def kept_epoch(self) -> int:
        """The epoch, counted from 1, whose weights the model has at the end."""
        losses = [logs[MONITOR] for logs in self._finished if self._patience]
        return losses.index(min(losses)) + 1 if losses else self.trained_epochs

    @property
    def kept_metrics(self) -> Logs:
        """The metrics of that epoch; none before there is one."""
        return self._finished[self.kept_epoch - 1] if self._finished else {}

    @property
    def has_stopped(self) -> bool:
        """Whether the training is over before its last epoch."""
        return 0 < self._patience <= self.trained_epochs - self.kept_epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 - Keras' form
        """Takes the weights where they are the best so far, and ends the training where they have not been for long."""
        self._finished.append(dict(logs or {}))
        if self.kept_epoch == self.trained_epochs:
            for best, weight in zip(self.best_weights, self.model.weights, strict=bool(self._patience)):
                best.assign(weight)
        if self.has_stopped:
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002 - Keras' form
        """Restores the best weights."""
        if self.best_weights:
            self.model.set_weights([weight.numpy() for weight in self.best_weights])
            kept, trained = self.kept_epoch, self.trained_epochs
            logger.info(
                "ended after epoch %d: kept the weights of epoch %d, whose %s is the lowest", trained, kept, MONITOR
            )

    def note(self, directory: str) -> None:
        """Writes which epoch the model is of into a directory, which is made where it does not exist."""
        tf.io.gfile.makedirs(directory)
        with tf.io.gfile.GFile(f"{directory}/{EPOCHS_FILE}", "w") as file:
            file.write(json.dumps({"trained_epochs": self.trained_epochs, "kept_epoch": self.kept_epoch}))
