"""The trainer's hyperparameters: what is given, and else the model's own."""

import pytest
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Examples, Model, TransformGraph

from modules.hyperparameters import MODELS_OWN
from modules.models import cnn
from tfx_pipeline.components.trainer import Trainer, in_force, read_asked
from tfx_pipeline.config import renamed
from tfx_pipeline.config.section import unset
from tfx_pipeline.config.sections import TrainingConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.properties import training_end


def test_without_values_the_models_own_are_in_force() -> None:
    config = in_force(TrainingConfig(model_name="cnn"))
    assert (config.epochs, config.batch_size, config.learning_rate) == (14, 128, 0.002)


def test_a_value_that_is_given_wins() -> None:
    config = in_force(TrainingConfig(model_name="cnn", epochs=2, seed=0))
    assert (config.epochs, config.batch_size, config.seed) == (2, 128, 0)


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        (
            {"epohcs": 3},
            "DEFAULTS has epohcs: expected some of batch_size, early_stopping, epochs, label_smoothing, learning_rate",
        ),
        ({"seed": 3}, "DEFAULTS has seed: expected some of"),
        ({"epochs": 0}, "DEFAULTS: got 0, expected greater than or equal to 1"),
        ({"learning_rate": "fast"}, "DEFAULTS: got 'fast', expected a valid number"),
        ({"label_smoothing": 1.0}, "DEFAULTS: got 1.0, expected less than 1"),
        ({"precision": "float8"}, "DEFAULTS: got 'float8', expected 'auto', 'fastest', 'float32'"),
    ],
)
def test_what_a_models_file_says_wrongly_is_one_line_that_names_it(
    defaults: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "DEFAULTS", defaults)
    with pytest.raises(UserError, match=f"^modules/models/cnn.py: {message}"):
        in_force(TrainingConfig(model_name="cnn"))


def parameters(**given: object) -> dict[str, object]:
    """What a trainer is called with where a user gives these, under the names of the parameters."""
    hyperparameters = TrainingConfig(**given)
    channels = {"examples": Channel(Examples), "transform_graph": Channel(TransformGraph)}
    return Trainer(run_fn="f", code_digest="", hyperparameters=hyperparameters, **channels).exec_properties


@pytest.mark.parametrize(("value", "in_force_then"), [(None, 0.2), (0, 0.0), (0.5, 0.5)])
def test_a_validation_fraction_of_zero_is_told_from_the_models_own(
    value: float | None, in_force_then: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "DEFAULTS", {"validation_fraction": 0.2})
    given = parameters(model_name="cnn", **{} if value is None else {"validation_fraction": value})
    assert in_force(read_asked(given)).validation_fraction == in_force_then


@pytest.mark.parametrize("precision", ["auto", "mixed_bfloat16"])
def test_a_precision_that_is_given_wins_over_the_models_own(precision: str) -> None:
    assert in_force(read_asked(parameters(model_name="cnn", precision=precision))).precision == precision
    assert in_force(read_asked(parameters(model_name="cnn"))).precision == "fastest"


def test_a_run_on_this_machine_passes_what_a_user_gave_and_kubeflow_what_stands_for_nothing() -> None:
    given = parameters(model_name="cnn", epochs=3)
    assert set(given) & MODELS_OWN == {"epochs"}
    absent = {name: unset(TrainingConfig.model_fields[name]) for name in MODELS_OWN - {"epochs"}}
    assert read_asked(given | absent) == read_asked(given)


@pytest.mark.parametrize("value", [-0.5, 0.51, 1])
def test_a_run_parameter_that_is_no_fraction_is_refused(value: float) -> None:
    line = f"^run parameter validation_fraction: got {value}, expected (less|greater) than or"
    with pytest.raises(UserError, match=line):
        read_asked(parameters() | {"validation_fraction": value})


def test_a_step_of_an_older_package_is_told_of_the_new_name(capsys: pytest.CaptureFixture[str]) -> None:
    renamed.tell.cache_clear()
    assert read_asked({"model_name": "cnn", "held_back": 0.3, "epochs": 0}).asked == {
        "model_name": "cnn",
        "validation_fraction": 0.3,
    }
    line = "warning: run parameter held_back is validation_fraction now; the old name goes with the next version\n"
    assert capsys.readouterr().err == line


def test_a_models_file_may_have_the_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnn, "DEFAULTS", {"held_back": 0.2})
    assert in_force(TrainingConfig(model_name="cnn")).validation_fraction == 0.2


def test_a_models_file_that_ends_trainings_early_by_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnn, "DEFAULTS", {"early_stopping": 2})
    with pytest.raises(UserError, match=r"^training.early_stopping is 2 and training.validation_fraction 0: "):
        in_force(TrainingConfig(model_name="cnn"))
    assert in_force(TrainingConfig(model_name="cnn", validation_fraction=0.1)).early_stopping == 2
    assert in_force(read_asked(parameters(model_name="cnn", early_stopping=0))).early_stopping == 0


def described(**properties: float) -> dict[str, str]:
    """What is said of the epochs of a model with these properties."""
    model = Model()
    for name, value in properties.items():
        model.set_int_custom_property(name, value)
    return dict(training_end(model))


def test_how_a_training_ended_is_said_in_words() -> None:
    all_epochs = {"epochs": 10, "early_stopping": 0, "trained_epochs": 10, "kept_epoch": 10}
    assert described(**all_epochs) == {"trained epochs": "10 of 10", "kept epoch": "10, the last"}
    assert described(**all_epochs | {"early_stopping": 3, "trained_epochs": 9, "kept_epoch": 6}) == {
        "trained epochs": "9 of 10; ended early: no lower held_back_loss for 3 epochs",
        "kept epoch": "6, the one with the lowest held_back_loss",
    }
    assert described(**all_epochs | {"early_stopping": 3, "kept_epoch": 8})["trained epochs"] == "10 of 10"
    assert described(epochs=10) == {}
