"""Reads the training curves from the TensorBoard events that the trainer wrote."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

from tfx_pipeline.review.content import TrainingCurve

SPLITS: Final = ("train", "validation", "held_back")
EPOCH_PREFIX: Final = "epoch_"
"""Keras' TensorBoard callback prefixes the metrics of an epoch with it."""


def read_training_curves(model_run_uri: str) -> tuple[TrainingCurve, ...]:
    """Reads the metrics by epoch.

    Args:
        model_run_uri: Directory of the ``ModelRun`` artifact, with a folder for each of ``SPLITS``.

    Returns:
        A curve for each metric and split that the training recorded; none where it recorded nothing.
    """
    return tuple(curve for split in SPLITS for curve in _curves(split, Path(model_run_uri, split)))


def _curves(split: str, directory: Path) -> Iterator[TrainingCurve]:
    if not directory.is_dir():
        return
    events = EventAccumulator(str(directory), size_guidance={TENSORS: 0}).Reload()  # 0: keeps every step
    for tag in events.Tags()[TENSORS]:
        if tag.startswith(EPOCH_PREFIX):
            # A training that was resumed may have written an epoch twice; the later one counts.
            values = {event.step + 1: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
            epochs = tuple(sorted(values))
            yield TrainingCurve(tag.removeprefix(EPOCH_PREFIX), split, epochs, tuple(values[e] for e in epochs))
