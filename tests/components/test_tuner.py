"""What a search may vary: what the model's file says, as far as the configuration allows it and a user gave nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

from modules.models import cnn
from tfx_pipeline.components.trainer import in_force, read_best
from tfx_pipeline.components.tuner import Executor, require_space
from tfx_pipeline.config.sections import TrainingConfig, TuningConfig
from tfx_pipeline.process.errors import UserError


def space_of(declare: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
    """Checks the search space that a function declares for the model cnn."""
    monkeypatch.setattr(cnn, "search_space", declare, raising=False)
    require_space(TrainingConfig(model_name="cnn", **given))


@pytest.mark.parametrize("given", [{}, {"epochs": 3}, {"batch_size": 64}, {"learning_rate": 0.1}])
@pytest.mark.parametrize("model", ["dense", "cnn"])
def test_a_model_without_a_search_space_has_one_of_rate_and_batch_size(model: str, given: dict[str, Any]) -> None:
    require_space(TrainingConfig(model_name=model, **given))


def test_where_all_of_it_is_given_nothing_is_left_to_tune() -> None:
    line = (
        "^there is nothing to tune: the search space of dense has batch_size, learning_rate, and all of it is given; "
    )
    with pytest.raises(UserError, match=line):
        require_space(TrainingConfig(batch_size=64, learning_rate=0.1))


def test_a_value_that_is_given_is_outside_the_search_whatever_the_file_says_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def declare(space: keras_tuner.HyperParameters) -> None:
        space.Int("epochs", 5, 9)
        space.Choice("batch_size", [32, 64])

    space_of(declare, monkeypatch, epochs=2)
    with pytest.raises(UserError, match=r"has batch_size, epochs, and all of it is given"):
        space_of(declare, monkeypatch, epochs=2, batch_size=1_000)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda _: None, "there is nothing to tune: the search space of cnn has nothing"),
        (lambda space: space.Choice("batch_size", [64]), "there is nothing to tune"),
        (lambda space: space.Float("learning_rate", 0.1, 0.1), "there is nothing to tune"),
        (
            lambda space: space.Int("units", 1, 9),
            "modules/models/cnn.py: search_space has units: expected some of batch",
        ),
        (
            lambda space: space.Float("validation_fraction", 0.1, 0.2),
            "modules/models/cnn.py: search_space has validation_fraction: expected",
        ),
        (
            lambda space: space.Int("batch_size", 0, 64),
            "modules/models/cnn.py: search_space has batch_size: got 0, expected greater than or equal to 1",
        ),
        (
            lambda space: space.Float("learning_rate", 0.1, 100),
            "modules/models/cnn.py: search_space has learning_rate: got 100",
        ),
        (
            lambda space: space.Choice("batch_size", ["small", "large"]),
            "modules/models/cnn.py: search_space has batch_size: got 'small', expected a valid integer",
        ),
        (lambda space: space.Choices("epochs"), "modules/models/cnn.py: search_space.. failed: AttributeError: "),
    ],
)
def test_a_search_space_that_does_not_fit_is_one_line_that_names_the_file(
    declare: Callable[[Any], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=f"^{message}") as refused:
        space_of(declare, monkeypatch)
    assert "\n" not in str(refused.value)


def test_what_is_given_wins_over_what_was_tuned_and_that_over_the_models_own() -> None:
    tuned = {"batch_size": 32, "learning_rate": 0.002, "epochs": 7}
    config = in_force(TrainingConfig(model_name="cnn", batch_size=16), {"batch_size": 32, "learning_rate": 0.002})
    assert (config.epochs, config.batch_size, config.learning_rate) == (cnn.DEFAULTS["epochs"], 16, 0.002)
    assert in_force(TrainingConfig(model_name="cnn"), tuned).epochs == 7


def test_what_the_tuner_wrote_is_read_back(tmp_path: Path) -> None:
    space = keras_tuner.HyperParameters()
    space.Float("learning_rate", 0.1, 0.2, default=0.15)
    (tmp_path / "best_hyperparameters.txt").write_text(json.dumps(space.get_config()))
    assert read_best(str(tmp_path)) == {"learning_rate": 0.15}


@pytest.mark.parametrize(("trials", "expected"), [("-1", "greater than or equal to 0"), ("1001", "less than or equal")])
def test_a_number_of_trials_that_nobody_wants_is_refused(trials: str, expected: str) -> None:
    with pytest.raises(UserError, match=f"^--trials {trials}: got '{trials}', expected {expected}"):
        TuningConfig.checked({"trials": trials}, f"--trials {trials}")


@pytest.mark.parametrize("trials", [0, -1, 1_001])
def test_a_run_parameter_with_such_a_number_is_refused_too(trials: int) -> None:
    with pytest.raises(UserError, match=f"^run parameter trials: got {trials}, expected"):
        Executor().Do({}, {}, {"trials": trials})
