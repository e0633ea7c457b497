"""The trainer's hyperparameters: what is given, and else the model's own."""

import pytest

from modules.models import cnn
from tfx_pipeline.components.trainer import in_force
from tfx_pipeline.config.sections import TrainingConfig
from tfx_pipeline.process.errors import UserError


def test_without_values_the_models_own_are_in_force() -> None:
    config = in_force(TrainingConfig(model="cnn"))
    assert (config.epochs, config.batch_size, config.learning_rate) == (13, 64, 0.001)


def test_a_value_that_is_given_wins() -> None:
    config = in_force(TrainingConfig(model="cnn", epochs=2, seed=0))
    assert (config.epochs, config.batch_size, config.seed) == (2, 64, 0)


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"epohcs": 3}, "DEFAULTS has epohcs: expected some of batch_size, epochs, learning_rate"),
        ({"seed": 3}, "DEFAULTS has seed: expected some of"),
        ({"epochs": 0}, "DEFAULTS: got 0, expected greater than or equal to 1"),
        ({"learning_rate": "fast"}, "DEFAULTS: got 'fast', expected a valid number"),
    ],
)
def test_what_a_models_file_says_wrongly_is_one_line_that_names_it(
    defaults: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "DEFAULTS", defaults)
    with pytest.raises(UserError, match=f"^modules/models/cnn.py: {message}"):
        in_force(TrainingConfig(model="cnn"))
