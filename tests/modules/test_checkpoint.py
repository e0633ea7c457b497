"""A training that died goes on from its last finished epoch, and ends as if it had not died."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from modules import trainer
from tests.small_run import Run
from tests.training import first_examples, fn_args, grey_logits
from tfx_pipeline.review.training_curves import read_training_curves

EPOCHS = 3


class KilledError(Exception):
    """Ends a training as a kill would: nothing is tidied up."""


@pytest.fixture
def train(first_run: Run, tmp_path: Path) -> Callable[..., np.ndarray]:
    """Trains on 200 images and returns the logits of the exported model for one of every grey, [256, 10]."""
    source = first_run.artifact("example-gen", "examples")
    examples = first_examples(source, tmp_path / "examples", train=200, eval=100)

    def call(name: str, checkpoints: Path | None, model: str = "cnn") -> np.ndarray:
        graph = first_run.artifact("transform", "transform_graph")
        checkpoint_dir = checkpoints and str(checkpoints)
        args = fn_args(examples, graph, tmp_path / name, model_name=model, epochs=EPOCHS, checkpoint_dir=checkpoint_dir)
        trainer.run_fn(args)
        return grey_logits(tmp_path / name)

    return call


def kill_at(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the next training die before the epoch, counted from 0, is over."""

    def die(self: trainer.EpochLogger, ended: int, logs: dict[str, float] | None = None) -> None:
        if ended == epoch:
            raise KilledError

    monkeypatch.setattr(trainer.EpochLogger, "on_epoch_end", die)


def epochs_trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Records the epochs, counted from 0, that trainings run from now on."""
    epochs: list[int] = []
    monkeypatch.setattr(trainer.EpochLogger, "on_epoch_end", lambda *call: epochs.append(call[1]))
    return epochs


def test_a_killed_training_goes_on_and_gives_the_model_and_curves_of_an_uninterrupted_one(
    train: Callable[..., np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model has dropout and batch normalisation: states that weights alone would not restore."""
    uninterrupted = train("whole", None)
    kill_at(2, monkeypatch)
    with pytest.raises(KilledError):
        train("killed", tmp_path / "checkpoints")
    epochs = epochs_trained(monkeypatch)
    resumed = train("resumed", tmp_path / "checkpoints")
    assert epochs == [2]
    np.testing.assert_array_equal(resumed, uninterrupted)
    whole, again = (read_training_curves(str(tmp_path / name / "logs")) for name in ("whole", "resumed"))
    assert again == whole
    assert whole[0].epochs == (1, 2, 3)


def test_a_training_that_died_while_exporting_only_exports(
    train: Callable[..., np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> NoReturn:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "export", die)
        with pytest.raises(KilledError):
            train("killed", tmp_path / "checkpoints", "dense")
    epochs = epochs_trained(monkeypatch)
    train("resumed", tmp_path / "checkpoints", "dense")
    assert epochs == []


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:-9]), Path.unlink])
def test_a_checkpoint_that_is_damaged_counts_as_none(
    train: Callable[..., np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], object],
) -> None:
    uninterrupted = train("whole", tmp_path / "checkpoints", "dense")
    for path in (tmp_path / "checkpoints").glob("*.data*"):
        damage(path)
    epochs = epochs_trained(monkeypatch)
    np.testing.assert_array_equal(train("again", tmp_path / "checkpoints", "dense"), uninterrupted)
    assert epochs == list(range(EPOCHS))


def test_a_checkpoint_of_another_model_counts_as_none(
    train: Callable[..., np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("cnn", tmp_path / "checkpoints")
    epochs = epochs_trained(monkeypatch)
    train("dense", tmp_path / "checkpoints", "dense")
    assert epochs == list(range(EPOCHS))
    shutil.rmtree(tmp_path / "checkpoints")
