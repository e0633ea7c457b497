"""Saves the state of a training after each epoch, so that one that was killed goes on from there."""

import json
import logging
from collections.abc import Sequence

import keras
import tensorflow as tf

logger = logging.getLogger(__name__)

Logs = dict[str, float]


class EpochCheckpoint(keras.callbacks.Callback):
    """Saves everything that the next epoch follows from, and the metrics of those that are over.

    Keras' own ``BackupAndRestore`` overwrites its one file in place and leaves out the states of random generators,
    so that dropout would differ after a restart. Here a checkpoint becomes visible when it is complete, and holds
    weights, the optimizer's state and the random generators' states: the resumed training ends with the weights of one
    that was never interrupted, as long as its shuffle follows from the epoch's number.
    """

    def __init__(self, model: keras.Model, directory: str, others: Sequence[tf.Variable] = ()) -> None:
        """Makes a checkpoint of a model, built and compiled, and restores what an earlier training saved, if any.

        The directory belongs to one configuration and one data set; it is made where it does not exist. ``others`` are
        variables of callbacks that stand before this one, to save and restore with the model's.
        """
        super().__init__()
        model.optimizer.build(model.trainable_variables)
        variables = [variable.value for variable in (*model.variables, *model.optimizer.variables)] + [*others]
        self._history = tf.Variable("[]")
        self._checkpoint = tf.train.Checkpoint(variables=variables, history=self._history)
        self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=1)
        self._finished = self._restore(variables)

    @property
    def finished(self) -> Sequence[Logs]:
        """The metrics of each epoch that the restored training had finished; none where there was none."""
        return tuple(self._finished)

    def replay(self, callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
        """A callback, to stand after the given one, that tells it the epochs which an earlier process finished."""
        return keras.callbacks.LambdaCallback(on_train_begin=lambda _logs: self._replay(callback))

    def _replay(self, callback: keras.callbacks.Callback) -> None:
        optimizer = self.model.optimizer
        current = float(optimizer.learning_rate.numpy())
        for epoch, logs in enumerate(self._finished):
            # TensorBoard's callback asks the optimizer for the rate.
            optimizer.learning_rate = logs.get("learning_rate", current)
            callback.on_epoch_end(epoch, dict(logs))
        optimizer.learning_rate = current

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves the state; ``epoch`` counts from 0."""
        self._finished.append({name: float(value) for name, value in (logs or {}).items()})
        self._history.assign(json.dumps(self._finished))
        self._manager.save(checkpoint_number=epoch + 1)

    def _restore(self, variables: list[tf.Variable]) -> list[Logs]:
        path = self._manager.latest_checkpoint
        if path is None:
            return []
        initial = [variable.numpy() for variable in variables]
        try:
            self._checkpoint.restore(path).assert_consumed()
        except Exception:
            # A power failure may leave a file that is not whole, and TensorFlow has an error of another type for each
            # place in it. What it stood for can be computed again.
            logger.exception("the checkpoint %s cannot be used: training from the start", path)
            for variable, value in zip(variables, initial, strict=True):
                variable.assign(value)
            return []
        finished: list[Logs] = json.loads(self._history.numpy())
        logger.info("going on after epoch %d, which an earlier run finished", len(finished))
        return finished
