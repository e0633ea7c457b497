"""tuner: TFX's Tuner with each hyperparameter as a parameter of its own, as the trainer has them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus
from tfx.components.tuner import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import Artifact, BaseChannel, artifact_utils, channel_utils, component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from modules import tuner as modules_tuner
from modules.hyperparameters import MODELS_OWN
from tfx_pipeline.components.trainer import (
    PARAMETERS,
    TrainerSpec,
    custom_config,
    errors_of_modules_as_user_errors,
    held_back_files,
    in_force,
    read_asked,
    wanted,
)
from tfx_pipeline.config.sections import TrainingConfig, TuningConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.review.trials import RESULTS

TRIALS: Final = "trials"

SEARCHABLE: Final = MODELS_OWN - {"validation_fraction", "early_stopping"}
"""What a search may vary: not what trials are scored on, nor by which epoch."""


class TunerSpec(component_spec.ComponentSpec):
    """Tuner's contract."""

    PARAMETERS = {  # noqa: RUF012 - TFX's form
        keys.TUNER_FN_KEY: component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
        TRIALS: component_spec.ExecutionParameter(type=int),
        **PARAMETERS,
        keys.TRAIN_ARGS_KEY: component_spec.ExecutionParameter(type=trainer_pb2.TrainArgs),
        keys.EVAL_ARGS_KEY: component_spec.ExecutionParameter(type=trainer_pb2.EvalArgs),
    }
    INPUTS = TrainerSpec.INPUTS
    OUTPUTS = {  # noqa: RUF012
        keys.BEST_HYPERPARAMETERS_KEY: component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        keys.TUNER_RESULTS_KEY: component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class Executor(tfx_executor.Executor):
    """Hands the hyperparameters to ``tuner_fn`` as ``custom_config``, and notes the trials that diverged too."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches; see ``TunerSpec`` for the keys of the dictionaries.

        Raises:
            UserError: A hyperparameter or the number of trials is not what it may be, there is nothing to search, or
                ``modules`` raised an error of its own: every trial diverged, there is no GPU, ...
        """
        asked = read_asked(exec_properties)
        require_space(asked)
        trials = TuningConfig.checked({"trials": exec_properties[TRIALS]}).trials
        if not trials:
            raise UserError("run parameter trials: got 0, expected at least 1; a package without --tune has no tuner")
        examples = artifact_utils.get_single_instance(input_dict[keys.EXAMPLES_KEY])
        config = in_force(asked, held_back=bool(held_back_files(examples))).model_dump()
        config["given"] = sorted(MODELS_OWN & asked.model_fields_set)
        # Checkpoints do not depend on the number of trials: a search that is given more goes on from there.
        custom = custom_config(config, keys.TUNER_FN_KEY, input_dict, exec_properties) | {TRIALS: trials}
        exec_properties[keys.CUSTOM_CONFIG_KEY] = json_utils.dumps(custom)
        with errors_of_modules_as_user_errors():
            tuner = _search(input_dict, exec_properties, self._get_tmp_dir())
        tfx_executor.write_best_hyperparameters(tuner, output_dict)
        _write_trials(tuner, Path(artifact_utils.get_single_uri(output_dict[keys.TUNER_RESULTS_KEY])))


def _search(input_dict: dict[str, list[Artifact]], exec_properties: dict[str, Any], folder: str) -> BaseTuner:
    try:
        return tfx_executor.search(input_dict, exec_properties, folder, print_tuning_summary=False)
    except keras_tuner.errors.FatalError as error:
        # What a trial raised: KerasTuner takes no other type for an end of the search.
        raise error.__cause__ or error from None


def _write_trials(tuner: BaseTuner, directory: Path) -> None:
    """Replaces TFX's list of the trials, best first, by one in their order and with those that diverged."""
    trials = [tuner.oracle.trials[name] for name in sorted(tuner.oracle.trials)]
    rows = [
        {
            "trial_id": trial.trial_id,
            "score": trial.score if trial.status == TrialStatus.COMPLETED else None,
            **tuner.values(trial),
        }
        for trial in trials
    ]
    (directory / RESULTS).write_text(json.dumps(rows), encoding="utf-8")


def require_space(asked: TrainingConfig) -> None:
    """Refuses a search that has nothing to vary, or that could try what the configuration does not allow.

    Args:
        asked: What the user gave; the other hyperparameters are the search's.

    Raises:
        UserError: In both cases, and where the model's ``search_space`` fails.
    """
    fixed = {name: value for name, value in asked.asked.items() if name in MODELS_OWN}
    with errors_of_modules_as_user_errors():
        space = modules_tuner.search_space(asked.model_name, fixed).space
    file = f"modules/models/{asked.model_name}.py: search_space"
    if wrong := sorted({hp.name for hp in space if hp.name not in fixed} - SEARCHABLE):
        raise UserError(f"{file} has {', '.join(wrong)}: expected some of {', '.join(sorted(SEARCHABLE))}")
    for hp in space:
        for value in _extremes(hp):
            TrainingConfig.checked({hp.name: value}, f"{file} has {hp.name}")


def _extremes(hp: Any) -> Iterable[Any]:
    return (hp.min_value, hp.max_value) if hasattr(hp, "min_value") else hp.values


class Tuner(base_component.BaseComponent):
    """Searches for the hyperparameters that a user did not give, on a part of the split ``train``."""

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        tuner_fn: str,
        code_digest: str,
        trials: Any,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        hyperparameters: Any,
    ) -> None:
        """Makes a tuner.

        Args:
            tuner_fn: Import path of the ``tuner_fn``.
            code_digest: Digest of the code that it uses; new code searches anew.
            trials: How many trainings; a number or a run parameter.
            examples: Raw tf.Examples with the splits ``train`` and ``eval``, of which ``eval`` is not read.
            transform_graph: Transform's graph.
            hyperparameters: A ``TrainingConfig``, or ``RunParameters`` of one.
        """
        super().__init__(
            TunerSpec(
                tuner_fn=tuner_fn,
                code_digest=code_digest,
                trials=trials,
                examples=examples,
                transform_graph=transform_graph,
                train_args=trainer_pb2.TrainArgs(),
                eval_args=trainer_pb2.EvalArgs(),
                best_hyperparameters=channel_utils.as_channel([standard_artifacts.HyperParameters()]),
                tuner_results=channel_utils.as_channel([standard_artifacts.TunerResults()]),
                **wanted(hyperparameters),
            )
        )
