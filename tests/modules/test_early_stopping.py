"""A training is judged by what is held back from it: it ends early and keeps its best epoch, killed or not."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from modules import early_stopping, trainer
from modules.early_stopping import EarlyStopping
from modules.input_pipeline import ExamplesError
from tests.small_run import Run
from tests.training import first_examples, fn_args, grey_logits
from tests.virtual_devices import train_on
from tfx_pipeline.review.training_curves import read_training_curves

OVERFITTING = {"epochs": 12, "batch_size": 32, "learning_rate": 0.03, "validation_fraction": 0.3}
"""The loss on the held-back part is lowest after a few epochs of these on 1,000 images."""

Train = Callable[..., np.ndarray]


class KilledError(Exception):
    """Ends a training as a kill would: nothing is tidied up."""


@pytest.fixture
def train(first_run: Run, tmp_path: Path) -> Train:
    """Trains below a directory of the name; the logits of the model for one image of every grey, [256, 10]."""

    def call(name: str, **hyperparameters: Any) -> np.ndarray:
        examples, graph = (
            first_run.artifact("example-gen", "examples"),
            first_run.artifact("transform", "transform_graph"),
        )
        trainer.run_fn(fn_args(examples, graph, tmp_path / name, **OVERFITTING | hyperparameters))
        return grey_logits(tmp_path / name)

    return call


def noted(directory: Path) -> tuple[int, int]:
    """How many epochs a training had, and which was kept."""
    found = json.loads((directory / "logs" / "epochs.json").read_text())
    return found["trained_epochs"], found["kept_epoch"]


def held_back_losses(directory: Path) -> tuple[float, ...]:
    (curve,) = [
        c for c in read_training_curves(str(directory / "logs")) if (c.split, c.metric) == ("held_back", "loss")
    ]
    return curve.values


def test_a_training_ends_when_the_held_back_loss_no_longer_falls_and_keeps_the_best_epoch(
    train: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "modules")
    best = train("stopped", early_stopping=2)
    trained, kept = noted(tmp_path / "stopped")
    losses = held_back_losses(tmp_path / "stopped")
    assert len(losses) == trained < OVERFITTING["epochs"]
    assert kept == int(np.argmin(losses)) + 1 == trained - 2
    assert (
        f"ended after epoch {trained}: kept the weights of epoch {kept}, whose held_back_loss is the lowest"
        in caplog.text
    )
    last = train("all", early_stopping=0)
    assert noted(tmp_path / "all") == (12, 12)
    assert held_back_losses(tmp_path / "all")[:trained] == losses
    assert not np.allclose(last, best)
    patient = train("patient", early_stopping=12)
    assert noted(tmp_path / "patient") == (12, int(np.argmin(held_back_losses(tmp_path / "all"))) + 1)
    assert kept != noted(tmp_path / "patient")[1] or np.array_equal(patient, best)


def test_a_split_of_its_own_is_held_back_instead_of_a_part_of_train(
    train: Train, first_run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "modules")
    examples = first_run.artifact("example-gen", "examples")
    first_examples(examples, tmp_path / "own", eval=300)
    own = [str(tmp_path / "own/Split-eval/*")]
    train("own", epochs=3, held_back_files=own, num_examples={"train": 1_000, "val": 300})
    curves = {(c.split, c.metric): c.values for c in read_training_curves(str(tmp_path / "own/logs"))}
    assert len(curves["held_back", "loss"]) == 3
    assert "validation_fraction 0.3 is not used: the data has a split val of its own, which is" in caplog.text
    train("all", epochs=3, validation_fraction=0.0)  # all of train is fitted in both
    assert (
        curves["train", "loss"]
        == {(c.split, c.metric): c.values for c in read_training_curves(str(tmp_path / "all/logs"))}["train", "loss"]
    )
    with pytest.raises(ExamplesError, match=r"read 300 examples of .*own/Split-eval.*, and 301 were written there"):
        train("lost", epochs=3, held_back_files=own, num_examples={"val": 301})


def test_the_weights_that_are_kept_are_those_of_the_best_epoch(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[list[np.ndarray]] = []
    monkeypatch.setattr(trainer.EpochLogger, "on_epoch_end", lambda self, *_: weights.append(self.model.get_weights()))
    exported: list[list[np.ndarray]] = []
    export = trainer.export
    monkeypatch.setattr(trainer, "export", lambda *call: (exported.append(call[0].get_weights()), export(*call)))
    train("best", early_stopping=2)
    _, kept = noted(tmp_path / "best")
    for ours, best in zip(exported[0], weights[kept - 1], strict=True):
        np.testing.assert_array_equal(ours, best)
    assert not np.array_equal(exported[0][0], weights[-1][0])


@pytest.mark.thorough("modules/")
def test_a_training_killed_after_every_epoch_and_before_its_export_ends_as_one_that_was_not(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train("whole", early_stopping=2)
    trained, kept = noted(tmp_path / "whole")
    assert kept < trained < OVERFITTING["epochs"]
    settings = {"checkpoint_dir": str(tmp_path / "checkpoints")}
    epochs: list[int] = []

    def die(_self: object, epoch: int, _logs: object = None) -> None:
        epochs.append(epoch)
        if epochs.count(epoch) == 1:
            raise KilledError

    # Each epoch once before it is saved, and so after the one before was; then after the end.
    with monkeypatch.context() as patch:
        patch.setattr(trainer.EpochLogger, "on_epoch_end", die)
        for epoch in range(trained):
            with pytest.raises(KilledError):
                train("killed", early_stopping=2, **settings)
            assert epochs[-1] == epoch
        patch.setattr(trainer, "export", lambda *_: die(None, -1))
        with pytest.raises(KilledError):
            train("killed", early_stopping=2, **settings)
    counted = len(epochs)
    monkeypatch.setattr(trainer.EpochLogger, "on_epoch_end", lambda _self, epoch, _logs=None: epochs.append(epoch))
    np.testing.assert_array_equal(train("resumed", early_stopping=2, **settings), whole)
    assert len(epochs) == counted
    assert noted(tmp_path / "resumed") == (trained, kept)
    assert held_back_losses(tmp_path / "resumed") == held_back_losses(tmp_path / "whole")


def test_tensorboard_gets_the_held_back_curve_beside_the_two_that_it_always_gets(train: Train, tmp_path: Path) -> None:
    train("curves", epochs=2)
    curves = read_training_curves(str(tmp_path / "curves" / "logs"))
    metrics = {split: {c.metric for c in curves if c.split == split} for split in ("train", "validation", "held_back")}
    both = {"accuracy", "loss"}
    assert metrics == {"train": both | {"learning_rate"}, "validation": both, "held_back": both}
    assert {c.epochs for c in curves} == {(1, 2)}


def test_it_stops_at_the_epoch_and_keeps_the_weights_that_keras_own_callback_does() -> None:
    """On losses of every course."""
    for seed in range(30):
        losses = np.random.default_rng(seed).integers(0, 6, size=9) / 4
        ours, theirs = (course(losses, callback) for callback in (own, keras_own))
        assert ours == theirs, losses


def course(losses: np.ndarray, callback: Callable[[keras.Model], keras.callbacks.Callback]) -> tuple[int, float]:
    """How many epochs a callback lets a model train whose weight is the epoch, and its weight at the end."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    stopping = callback(model)
    stopping.set_model(model)
    model.stop_training = False
    stopping.on_train_begin()
    trained = 0
    while trained < len(losses) and not model.stop_training:
        model.set_weights([np.full((1, 1), float(trained))])
        stopping.on_epoch_end(trained, {early_stopping.MONITOR: float(losses[trained])})
        trained += 1
    stopping.on_train_end()
    return trained, float(model.get_weights()[0][0, 0])


def own(model: keras.Model) -> keras.callbacks.Callback:
    return EarlyStopping(model, 3)


def keras_own(_model: keras.Model) -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping(
        monitor=early_stopping.MONITOR, mode="min", patience=3, restore_best_weights=True
    )


@pytest.mark.thorough("modules/")
def test_several_devices_keep_the_best_epoch_too(first_run: Run, tmp_path: Path) -> None:
    settings = OVERFITTING | {"epochs": 3, "batch_size": 128, "early_stopping": 3, "device": "cpu"}
    found = train_on(2, first_run, tmp_path, **settings)
    losses = held_back_losses(tmp_path)
    assert noted(tmp_path) == (3, int(np.argmin(losses)) + 1)
    assert any(line.startswith("ended after epoch 3") for line in found["log"])


def test_dense_needs_no_second_copy_of_its_weights() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    assert EarlyStopping(model, 0).best_weights == []
    assert all(isinstance(weight, tf.Variable) for weight in EarlyStopping(model, 1).best_weights)
