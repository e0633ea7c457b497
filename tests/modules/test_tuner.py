"""A search through tuner_fn, as TFX's Tuner calls it: its trials, what it keeps of them, and how it ends."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

from modules import trainer, tuner
from modules.hyperparameters import Hyperparameters
from modules.input_pipeline import ExamplesError
from modules.models import dense
from tests.small_run import Run
from tests.training import fn_args

RATES = (0.001, 0.002, 0.004, 0.008)


class KilledError(BaseException):
    """Ends a search as a kill would: nothing is tidied up."""


@pytest.fixture
def search(first_run: Run, tmp_path: Path) -> Callable[..., tuner.Tuner]:
    """Searches, and returns the tuner; the arguments are those of custom_config."""

    def call(folder: str = "", **config: Any) -> tuner.Tuner:
        examples = first_run.artifact("example-gen", "examples")
        graph = first_run.artifact("transform", "transform_graph")
        checkpoints = str(tmp_path / folder) if folder else None
        own = {"trials": 3, "given": ["epochs"], "checkpoint_dir": checkpoints, "batch_size": 256}
        args = fn_args(examples, graph, tmp_path, **own | config)
        args.working_dir = str(tmp_path / "working")
        # A trial that read it would fail.
        args.eval_files = ["/nowhere/*"]
        found: tuner.Tuner = tuner.tuner_fn(args).tuner
        found.search()
        return found

    return call


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The configurations that are trained with from now on."""
    configs: list[dict[str, Any]] = []
    train = trainer.train

    def record(args: Any, wanted: Hyperparameters, *others: Any, **options: Any) -> Any:
        configs.append(wanted.model_dump())
        return train(args, wanted, *others, **options)

    monkeypatch.setattr(trainer, "train", record)
    return configs


def results(found: tuner.Tuner) -> list[tuple[dict[str, Any], float | None]]:
    """Hyperparameters and score of each trial, in their order."""
    return [(found.values(trial), trial.score) for _, trial in sorted(found.oracle.trials.items())]


def test_the_models_own_values_come_first_and_what_is_given_stays(
    search: Callable[..., tuner.Tuner], trained: list[dict[str, Any]]
) -> None:
    search(given=["epochs", "batch_size"], learning_rate=0.004)
    assert trained[0]["learning_rate"] == 0.004
    assert len({config["learning_rate"] for config in trained}) == 3
    assert {config["batch_size"] for config in trained} == {256}
    assert all(0.0004 <= config["learning_rate"] <= 0.04 for config in trained)


def test_trials_are_scored_on_training_data_that_they_do_not_train_on(
    search: Callable[..., tuner.Tuner], trained: list[dict[str, Any]]
) -> None:
    search(trials=1)
    search(trials=1, validation_fraction=0.3)
    assert [config["validation_fraction"] for config in trained] == [tuner.VALIDATION_FRACTION, 0.3]


def test_a_seed_gives_the_same_trials_and_the_next_one_others(search: Callable[..., tuner.Tuner]) -> None:
    first, same, other = (results(search(trials=2, seed=seed)) for seed in (0, 0, 1))
    assert first == same
    assert first[0][0] == other[0][0]
    assert first[1][0]["learning_rate"] != other[1][0]["learning_rate"]


def test_a_search_that_was_killed_goes_on_after_its_last_trial_and_finds_the_same(
    search: Callable[..., tuner.Tuner],
    trained: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = results(search(epochs=2))
    with monkeypatch.context() as patch:
        keep = trainer.EpochCheckpoint.on_epoch_end

        def die_in_the_third(self: Any, epoch: int, logs: Any = None) -> None:
            keep(self, epoch, logs)
            if len(trained) == 6:
                raise KilledError

        patch.setattr(trainer.EpochCheckpoint, "on_epoch_end", die_in_the_third)
        with pytest.raises(KilledError):
            search("kept", epochs=2)
    del trained[:]
    epochs: list[int] = []
    monkeypatch.setattr(trainer.EpochShuffle, "on_epoch_begin", _recorded(trainer.EpochShuffle.on_epoch_begin, epochs))
    with caplog.at_level(logging.INFO, "modules"):
        assert results(search("kept", epochs=2)) == whole
    assert len(trained) == 1
    assert epochs == [1]
    ended = [record.getMessage() for record in caplog.records if record.getMessage().startswith("trial ")]
    assert [line.endswith("from an earlier run") for line in ended] == [True, True, False]


def _recorded(function: Callable[..., None], epochs: list[int]) -> Callable[..., None]:
    def call(self: Any, epoch: int, logs: Any = None) -> None:
        epochs.append(epoch)
        function(self, epoch, logs)

    return call


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda _: b"",
        lambda content: b"\0" * len(content),
        lambda _: b"[]",
        lambda content: json.dumps({**json.loads(content), "values": {"learning_rate": 1.0}}).encode(),
        lambda content: content.replace(b"held_back_accuracy", b"accuracy"),
    ],
)
def test_a_trial_that_is_not_kept_whole_is_trained_again(
    damage: Callable[[bytes], bytes],
    search: Callable[..., tuner.Tuner],
    trained: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    whole = results(search("kept", trials=2))
    (file,) = (tmp_path / "kept").glob("trial-0000.json")
    file.write_bytes(damage(file.read_bytes()))
    (tmp_path / "kept" / "trial-0001.partial").write_bytes(b'{"values"')
    del trained[:]
    assert results(search("kept", trials=2)) == whole
    assert len(trained) == 1


@pytest.mark.thorough("modules/")
def test_more_trials_go_on_from_those_that_are_kept(
    search: Callable[..., tuner.Tuner], trained: list[dict[str, Any]]
) -> None:
    two = results(search("kept", trials=2))
    assert results(search("kept", trials=11))[:2] == two
    assert len(trained) == 11


def diverging(rates: tuple[float, ...]) -> Callable[[keras_tuner.HyperParameters], None]:
    """A search space of learning rates."""

    def search_space(space: keras_tuner.HyperParameters) -> None:
        space.Choice("learning_rate", list(rates))

    return search_space


def test_a_trial_that_diverges_is_the_worst_and_does_not_end_the_search(
    search: Callable[..., tuner.Tuner],
    trained: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(dense, "search_space", diverging((1e30, 0.004)), raising=False)
    with caplog.at_level(logging.INFO, "modules"):
        found = search("kept", trials=2, learning_rate=1e30)
    assert [score is None for _, score in results(found)] == [True, False]
    assert found.get_best_hyperparameters()[0].values["learning_rate"] == 0.004
    assert "trial 1/2  learning_rate 1e+30  diverged  about " in caplog.text
    del trained[:]
    assert results(search("kept", trials=2, learning_rate=1e30)) == results(found)
    assert trained == []


def test_a_search_of_which_every_trial_diverges_fails_in_a_line(
    search: Callable[..., tuner.Tuner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "search_space", diverging((1e28, 1e29, 1e30, 1e31)), raising=False)
    with pytest.raises(tuner.SearchError, match=r"^all 4 trials diverged: give a lower learning rate, .*dense\.py"):
        search(trials=9)


def test_what_is_wrong_with_the_data_ends_the_search(search: Callable[..., tuner.Tuner]) -> None:
    with pytest.raises(keras_tuner.errors.FatalError) as ended:
        search(num_examples={"train": 999})
    assert isinstance(ended.value.__cause__, ExamplesError)


def test_a_space_with_few_values_ends_the_search_early(
    search: Callable[..., tuner.Tuner], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dense, "search_space", diverging((0.001, 0.004)), raising=False)
    with caplog.at_level(logging.INFO, "modules"):
        assert len(results(search(trials=5))) == 2
    assert "there is nothing else to try" in caplog.text


def test_what_is_drawn_has_three_digits_and_what_is_chosen_stays(
    search: Callable[..., tuner.Tuner], monkeypatch: pytest.MonkeyPatch
) -> None:
    def declare(space: keras_tuner.HyperParameters) -> None:
        space.Float("learning_rate", 0.0001, 0.01, sampling="log")
        space.Choice("dropout", [0.12345, 0.23456])

    monkeypatch.setattr(dense, "search_space", declare, raising=False)
    values = [trial for trial, _ in results(search(trials=3))]
    assert all(value["learning_rate"] == float(f"{value['learning_rate']:.3g}") for value in values)
    assert {value["dropout"] for value in values} <= {0.12345, 0.23456}


def test_durations_are_as_exact_as_they_can_be_expected() -> None:
    assert [tuner.duration(seconds) for seconds in (0.2, 89, 90, 3600, 9000)] == [
        "1 s",
        "89 s",
        "2 min",
        "60 min",
        "2.5 h",
    ]
