"""Searches for a model's hyperparameters: the ``tuner_fn`` that TFX's Tuner calls."""

import json
import logging
import math
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow_transform as tft
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.hyperparameters import Float
from keras_tuner.engine.trial import Trial, TrialStatus
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from modules import devices, early_stopping, models, trainer
from modules.hyperparameters import Hyperparameters, models_defaults

logger = logging.getLogger(__name__)

SCORE = f"{early_stopping.HELD_BACK}_accuracy"
"""What trials are compared by: the accuracy on the examples that are held back from their training."""

VALIDATION_FRACTION = 0.1
"""The fraction of the training data that trials are scored on where the training itself has none of its own."""

Values = dict[str, Any]


class SearchError(ValueError):
    """A search has nothing to vary, or came to nothing."""


class Oracle(keras_tuner.oracles.RandomSearchOracle):
    """Tries the model's own hyperparameters first, so that the best is no worse, then others at random."""

    def __init__(self, own: Mapping[str, Any], seed: int, trials: int, space: keras_tuner.HyperParameters) -> None:
        """Makes an oracle whose trials follow from the seed, at least 0."""
        super().__init__(
            objective=keras_tuner.Objective(SCORE, "max"),
            max_trials=trials,
            # KerasTuner counts upwards from it, and takes 0 for none: the trials of two seeds have nothing in common.
            seed=seed << 16 | 1,
            hyperparameters=space,
            max_consecutive_failed_trials=trials + 1,
        )
        self._own = {hp.name: own[hp.name] for hp in space.space if _holds(hp, own.get(hp.name))}
        self.verbose = 0  # it would print

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Chooses the values of a trial."""
        if not self.trials:
            return {"status": TrialStatus.RUNNING, "values": self.hyperparameters.values | self._own}
        chosen: dict[str, Any] = super().populate_space(trial_id)
        values = chosen["values"] or {}
        # As a person types it: what is shown is what was tried.
        drawn = {hp.name for hp in self.hyperparameters.space if isinstance(hp, Float) and hp.step is None}
        return chosen | {"values": {name: float(f"{v:.3g}") if name in drawn else v for name, v in values.items()}}


def _holds(hp: Any, value: Any) -> bool:
    """Whether a value is one of those that a hyperparameter may have."""
    if hasattr(hp, "min_value"):
        return value is not None and bool(hp.min_value <= value <= hp.max_value)
    return value in hp.values


class Tuner(BaseTuner):
    """Trains once for each trial, one after the other, as ``run_fn`` does; what an earlier process finished, it reads.

    KerasTuner's own state is of no use after a crash: it is several files, each written over the last. The oracle
    begins anew instead, asks for the same trials again, and of each that is finished there is one file, whole or none.
    """

    def __init__(self, oracle: Oracle, fn_args: FnArgs, given: Mapping[str, Any]) -> None:
        """Makes a tuner.

        Args:
            oracle: Chooses the trials.
            fn_args: See ``tuner_fn``.
            given: Hyperparameters that a user gave, which no trial varies.
        """
        super().__init__(oracle, directory=fn_args.working_dir, project_name="search", overwrite=True)
        self._fn_args, self._given = fn_args, given
        wanted = Hyperparameters.of(fn_args.custom_config)
        fraction = wanted.validation_fraction or VALIDATION_FRACTION
        self._wanted = wanted.model_copy(update={"validation_fraction": fraction})
        self._checkpoint_dir: str = fn_args.custom_config["checkpoint_dir"]
        self._hardware = devices.choose(wanted.device, wanted.precision)
        self._seconds: dict[str, float] = {}
        self._earlier: set[str] = set()

    def values(self, trial: Trial) -> Values:
        """The hyperparameters of a trial that the search varies."""
        return {name: value for name, value in trial.hyperparameters.values.items() if name not in self._given}

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Trains with the trial's hyperparameters, or reads what came of it in an earlier process.

        Returns:
            The metrics of the model.

        Raises:
            keras_tuner.errors.FailedTrialError: The training diverged.
            keras_tuner.errors.FatalError: It failed for another reason, which is the cause.
        """
        begin = time.monotonic()
        try:
            found = self._finished(trial)
            if found:
                self._earlier.add(trial.trial_id)
            else:
                found = {"values": self.values(trial), "metrics": self._train(trial)}
                found["seconds"] = time.monotonic() - begin
                self._keep(trial, found)
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error
        self._seconds[trial.trial_id] = found["seconds"]
        if found["metrics"] is None:
            raise keras_tuner.errors.FailedTrialError("diverged")
        metrics: dict[str, float] = found["metrics"]
        return metrics

    def _train(self, trial: Trial) -> dict[str, float] | None:
        """The metrics of a training; None where it diverged."""
        keras.backend.clear_session()
        wanted = self._wanted.model_copy(update=self.values(trial))
        checkpoint_dir = self._checkpoint_dir and str(self._folder(trial))
        try:
            # Loaded for each trial: the state of Keras is new.
            transform = tft.TFTransformOutput(self._fn_args.transform_graph_path)
            _model, metrics = trainer.train(
                self._fn_args, wanted, self._hardware, transform, checkpoint_dir, trial=True
            )
        except trainer.TrainingError:
            return None
        return {name: float(value) for name, value in metrics.items()}

    def _folder(self, trial: Trial) -> Path:
        return Path(self._checkpoint_dir, f"trial-{int(trial.trial_id):04d}")

    def _finished(self, trial: Trial) -> dict[str, Any] | None:
        """What an earlier process noted of a trial; None where it noted nothing, or not all of it."""
        if not self._checkpoint_dir:
            return None
        try:
            found: dict[str, Any] = json.loads(self._folder(trial).with_suffix(".json").read_bytes())
            whole = found["values"] == self.values(trial) and found["seconds"] >= 0
            return found if whole and (found["metrics"] is None or math.isfinite(found["metrics"][SCORE])) else None
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            logger.info("trial %d: what an earlier run noted is damaged; it is trained again", int(trial.trial_id) + 1)
            return None

    def _keep(self, trial: Trial, found: dict[str, Any]) -> None:
        if not self._checkpoint_dir:
            return
        file = self._folder(trial).with_suffix(".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_suffix(".partial").open("w", encoding="utf-8") as partial:
            json.dump(found, partial)
            partial.flush()
            os.fsync(partial.fileno())
        file.with_suffix(".partial").replace(file)
        shutil.rmtree(self._folder(trial), ignore_errors=True)

    def on_search_begin(self) -> None:
        """Says what is searched."""
        names = ", ".join(sorted(searched(self.oracle.get_space(), self._given)))
        part = f"{self._wanted.validation_fraction:g} of the training data"
        judge = "the data's split val" if self._fn_args.custom_config.get("held_back_files") else part
        logger.info("%d trials of %s, scored on %s", self.oracle.max_trials, names, judge)

    def on_trial_end(self, trial: Trial) -> None:
        """Says what came of a trial: its hyperparameters, its score, the best so far and how long the others take."""
        super().on_trial_end(trial)
        number, trials = int(trial.trial_id) + 1, self.oracle.max_trials
        values = "  ".join(f"{name} {shown(value)}" for name, value in self.values(trial).items())
        score = "diverged" if trial.score is None else f"accuracy {trial.score:.4f}"
        (best,) = self.oracle.get_best_trials()
        lead = f"  best {best.score:.4f} (trial {int(best.trial_id) + 1})" if best.score is not None else ""
        left = sum(self._seconds.values()) / len(self._seconds) * (trials - number)
        rest = f"  about {duration(left)} left" if number < trials else ""
        earlier = "  from an earlier run" if trial.trial_id in self._earlier else ""
        logger.info("trial %d/%d  %s  %s%s%s%s", number, trials, values, score, lead, rest, earlier)

    def on_search_end(self) -> None:
        """Raises a ``SearchError`` where every trial diverged."""
        found = self.oracle.trials.values()
        if not any(trial.status == TrialStatus.COMPLETED for trial in found):
            model = self._wanted.model_name
            raise SearchError(
                f"all {len(found)} trials diverged: give a lower learning rate, precision float32, or in "
                f"modules/models/{model}.py a search_space of lower learning rates"
            )
        if len(found) < self.oracle.max_trials:
            logger.info("there is nothing else to try")


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Makes the search that TFX's Tuner runs.

    The same seed and data give the same trials and the same best one on one machine, whether the search was killed and
    taken up again or not, as far as trainings do (see ``modules.trainer.run_fn``).

    Args:
        fn_args: TFX's arguments; ``custom_config`` has what that of ``run_fn`` has, with the model's own
            hyperparameters where none are given, and besides ``given`` (list of str): the names of those that no trial
            varies, and ``trials`` (int). Below ``checkpoint_dir``, finished trials are kept, and the one under way.

    Returns:
        The tuner; its objective is the accuracy on the examples that trials do not train on.

    Raises:
        SearchError: There is nothing to vary, or every trial diverged.
        Exception: What ``run_fn`` raises, but for a training that diverges.
    """
    config: Values = fn_args.custom_config
    given = {name: config[name] for name in config["given"]}
    space = search_space(config["model_name"], given)
    oracle = Oracle(config, config["seed"], config["trials"], space)
    return TunerFnResult(Tuner(oracle, fn_args, given), {})


def search_space(model: str, given: Mapping[str, Any]) -> keras_tuner.HyperParameters:
    """What a search may vary of a model.

    Args:
        model: Its name.
        given: Hyperparameters that a user gave, which stay as they are.

    Raises:
        SearchError: The model's file fails, or nothing is left to vary.
    """
    space = keras_tuner.HyperParameters()
    for name, value in given.items():
        space.Fixed(name, value)
    try:
        models.search_space(model, models_defaults(model), space)
    except Exception as error:
        raise SearchError(
            f"modules/models/{model}.py: search_space() failed: {type(error).__name__}: {error}"
        ) from error
    if not searched(space, given):
        names = ", ".join(sorted({hp.name for hp in space.space})) or "nothing"
        raise SearchError(
            f"there is nothing to tune: the search space of {model} has {names}, and all of it is given; leave one to "
            "the search, or do without --tune"
        )
    return space


def searched(space: keras_tuner.HyperParameters, given: Mapping[str, Any]) -> set[str]:
    """The names of the hyperparameters that have several values to choose from."""
    return {hp.name for hp in space.space if hp.name not in given and _varies(hp)}


def _varies(hp: Any) -> bool:
    return bool(hp.min_value < hp.max_value) if hasattr(hp, "min_value") else len(set(hp.values)) > 1


def shown(value: Any) -> str:
    """A hyperparameter in few characters."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Seconds in words, as exactly as they can be expected: 40 s, 12 min, 3.5 h."""
    for unit, size in (("s", 1), ("min", 60)):
        if seconds < 90 * size:
            return f"{math.ceil(seconds / size)} {unit}"
    return f"{seconds / 3600:.1f} h"
