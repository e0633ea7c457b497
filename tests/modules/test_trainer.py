"""Training through run_fn, as TFX's Trainer calls it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.input_pipeline import label_counts
from modules.trainer import EpochLogger, TrainingError, balanced_weights, cosine_decay, crossentropy, run_fn
from tests.small_run import Run
from tests.training import HYPERPARAMETERS, fn_args, grey_logits


def train(run: Run, directory: Path, **hyperparameters: Any) -> np.ndarray:
    """Trains one epoch and returns the logits that the exported model gives for one image of every grey, [256, 10]."""
    examples, graph = run.artifact("example-gen", "examples"), run.artifact("transform", "transform_graph")
    run_fn(fn_args(examples, graph, directory, **hyperparameters))
    return grey_logits(directory)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(first_run: Run, tmp_path: Path) -> None:
    one, same, other = (train(first_run, tmp_path / name, seed=seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_what_is_held_back_is_not_trained_on(first_run: Run, tmp_path: Path) -> None:
    whole, part, same = (
        train(first_run, tmp_path / name, validation_fraction=fraction)
        for name, fraction in [("a", 0), ("b", 0.5), ("c", 0.5)]
    )
    assert not np.allclose(whole, part)
    np.testing.assert_array_equal(part, same)


def test_tensorboard_gets_the_curves_of_training_and_validation(first_run: Run, tmp_path: Path) -> None:
    train(first_run, tmp_path, seed=1)
    assert {path.parent.name for path in (tmp_path / "logs").rglob("events*")} == {"train", "validation"}


def test_seeds_at_both_ends_of_their_range_train_and_differ(first_run: Run, tmp_path: Path) -> None:
    least, same, greatest = (
        train(first_run, tmp_path / name, seed=seed) for name, seed in [("a", 0), ("b", 0), ("c", 2**31 - 1)]
    )
    np.testing.assert_array_equal(least, same)
    assert not np.allclose(least, greatest)


@pytest.mark.thorough("modules/")
def test_a_training_that_diverges_ends_at_its_first_epoch_that_is_not_finite(first_run: Run, tmp_path: Path) -> None:
    diverging = {"precision": "mixed_float16", "device": "cpu", "learning_rate": 10.0, "epochs": 3}
    settings = r"\(learning rate 10, precision mixed_float16\)"
    for _ in range(2):
        with pytest.raises(
            TrainingError, match=rf"^epoch 1: loss is nan {settings}: give a lower learning rate, or pr"
        ):
            train(first_run, tmp_path, model_name="cnn", checkpoint_dir=str(tmp_path / "checkpoints"), **diverging)
        assert not list(tmp_path.glob("checkpoints/ckpt*"))
    assert not (tmp_path / "model").exists()


def test_what_diverges_later_keeps_the_checkpoint_of_the_epoch_before(
    first_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_weights(self: EpochLogger, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch == 1:
            self.model.set_weights([np.full_like(weight, np.inf) for weight in self.model.get_weights()])

    monkeypatch.setattr(EpochLogger, "on_epoch_end", break_weights)
    with pytest.raises(TrainingError, match=r"^epoch 3: loss is nan \(learning rate 0.001, precision float32\)"):
        train(first_run, tmp_path, epochs=4, checkpoint_dir=str(tmp_path / "checkpoints"))
    assert [path.name for path in tmp_path.glob("checkpoints/*.index")] == ["ckpt-2.index"]


def test_smoothed_labels_share_what_is_taken_from_them_among_the_classes() -> None:
    logits = np.log(np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.4, 0.1]], np.float32))
    labels = np.array([0, 3])
    targets = np.array([[0.85, 0.05, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85]])
    expected = -(targets * logits).sum(axis=1)
    assert float(crossentropy(0.2)(labels, logits)) == pytest.approx(expected.mean(), rel=1e-6)
    weighted = float(crossentropy(0.2)(labels, logits, np.array([0.5, 1.5])))
    assert weighted == pytest.approx((expected * [0.5, 1.5]).mean(), rel=1e-6)
    plain = float(crossentropy(0.0)(labels, logits))
    assert plain == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2, rel=1e-6)


def test_balanced_weights_make_classes_of_few_images_count_as_the_others() -> None:
    counts = np.array([900, 90, 10, 0])
    weights = balanced_weights(counts)
    np.testing.assert_allclose(weights * counts, [1000 / 3, 1000 / 3, 1000 / 3, 0], rtol=1e-6)
    logits = np.log(np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.4, 0.1]], np.float32))
    losses = -np.log([0.7, 0.4])
    assert float(crossentropy(0.0, weights)(np.array([0, 2]), logits)) == pytest.approx(
        (losses * weights[[0, 2]]).mean(), rel=1e-5
    )


def test_a_training_counts_the_images_of_each_class_and_balances_them(first_run: Run, tmp_path: Path) -> None:
    files = first_run.artifact("example-gen", "examples") / "Split-train" / "*"
    counts = label_counts([str(files)])
    assert counts.sum() == 1_000
    assert counts.min() > 50
    equal, balanced = (train(first_run, tmp_path / name, class_weight=name) for name in ("equal", "balanced"))
    assert not np.allclose(equal, balanced)


def test_a_training_with_smoothed_labels_gives_another_model(first_run: Run, tmp_path: Path) -> None:
    plain, smoothed = (train(first_run, tmp_path / f"{share}", label_smoothing=share) for share in (0.0, 0.2))
    assert not np.allclose(plain, smoothed)


def test_an_unknown_model_is_refused(first_run: Run, tmp_path: Path) -> None:
    args = FnArgs(custom_config=HYPERPARAMETERS | {"model_name": "resnet"})
    args.transform_graph_path = str(first_run.artifact("transform", "transform_graph"))
    with pytest.raises(ValueError, match="unknown model 'resnet'"):
        run_fn(args)


def test_the_learning_rate_falls_along_half_a_cosine() -> None:
    callback = cosine_decay(0.1, epochs=4)
    rates = [callback.schedule(epoch, None) for epoch in range(4)]
    assert rates == pytest.approx([0.1, 0.0853553, 0.05, 0.0146447], abs=1e-6)
