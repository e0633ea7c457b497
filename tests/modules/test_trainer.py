"""Training through run_fn, as TFX's Trainer calls it."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.trainer import cosine_decay, run_fn
from tests.small_run import Run
from tests.training import HYPERPARAMETERS, fn_args


def train(run: Run, directory: Path, seed: int) -> np.ndarray:
    """Trains one epoch and returns the logits that the exported model gives for one image of every grey, [256, 10]."""
    examples, graph = run.artifact("example-gen", "examples"), run.artifact("transform", "transform_graph")
    run_fn(fn_args(examples, graph, directory, seed=seed))
    images = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 28, 28))
    return tf.saved_model.load(directory / "model").signatures["serving_images"](images=tf.constant(images))["logits"]


def test_the_same_seed_gives_the_same_model_and_another_seed_another(first_run: Run, tmp_path: Path) -> None:
    one, same, other = (train(first_run, tmp_path / name, seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_tensorboard_gets_the_curves_of_training_and_validation(first_run: Run, tmp_path: Path) -> None:
    train(first_run, tmp_path, seed=1)
    assert {path.parent.name for path in (tmp_path / "logs").rglob("events*")} == {"train", "validation"}


def test_an_unknown_model_is_refused(first_run: Run, tmp_path: Path) -> None:
    args = FnArgs(custom_config=HYPERPARAMETERS | {"model_name": "resnet"})
    args.transform_output = str(first_run.artifact("transform", "transform_graph"))
    with pytest.raises(ValueError, match="unknown model 'resnet'"):
        run_fn(args)


def test_the_learning_rate_falls_along_half_a_cosine() -> None:
    callback = cosine_decay(0.1, epochs=4)
    rates = [callback.schedule(epoch, None) for epoch in range(4)]
    assert rates == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], abs=1e-6)
