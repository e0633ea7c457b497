"""trainer: TFX's Trainer with each hyperparameter as a parameter of its own."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tfx.components.trainer import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import (
    Artifact,
    BaseChannel,
    artifact_utils,
    channel_utils,
    component_spec,
    standard_artifacts,
    standard_component_specs,
)
from tfx.utils import json_utils

import modules
from modules.hyperparameters import EPOCHS_FILE, MODELS_OWN
from tfx_pipeline.config.renamed import current_parameters
from tfx_pipeline.config.section import unset
from tfx_pipeline.config.sections import TrainingConfig, models_own, require_validation_fraction
from tfx_pipeline.data.idx_files import HELD_BACK_SPLIT
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.checkpoints import checkpoint_dir
from tfx_pipeline.record.properties import HYPERPARAMETERS, TUNED_PROPERTY
from tfx_pipeline.record.splits import written_examples
from tfx_pipeline.steps.code_digest import modules_digest

PARAMETERS: Final = {
    name: component_spec.ExecutionParameter(type=kind, optional=True) for name, kind in HYPERPARAMETERS.items()
}
"""Each is a parameter of its own: Kubeflow can only ask for whole parameters on its "Create run" page.

Where a run on this machine leaves one to the model, it is absent; on Kubeflow, it has what ``unset`` gives.
"""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_SETTERS: Final[dict[type, Any]] = {
    str: Artifact.set_string_custom_property,
    int: Artifact.set_int_custom_property,
    # ML Metadata in SQLite keeps six digits after the point of a number, which are few of a learning rate.
    float: lambda model, name, value: model.set_string_custom_property(name, repr(value)),
}


def wanted(hyperparameters: Any) -> dict[str, Any]:
    """The parameters of a component that trains: of a ``TrainingConfig`` what is given, of ``RunParameters`` all."""
    return {name: value for name, value in hyperparameters.model_dump().items() if value is not None}


def custom_config(
    config: dict[str, Any], function: str, input_dict: dict[str, list[Artifact]], exec_properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Adds to the values in force where checkpoints are kept, how many examples there must be, and which are held back.

    Args:
        config: The hyperparameters.
        function: The key of the parameter with the import path of the user's function.
        input_dict: The component's inputs.
        exec_properties: Its parameters.
    """
    # The code that is imported here: it may come from a checkout, of which the parameter knows nothing.
    known = config | {function: exec_properties[function], "code_digest": modules_digest()}
    inputs = [artifact.uri for key in sorted(input_dict) for artifact in input_dict[key]]
    examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
    return config | {
        "checkpoint_dir": checkpoint_dir(known, inputs),
        "num_examples": written_examples(examples),
        "held_back_files": held_back_files(examples),
    }


def held_back_files(examples: Artifact) -> list[str]:
    """Patterns of the files of the split that the data has for early stopping and tuning; none where it has none."""
    if HELD_BACK_SPLIT not in artifact_utils.decode_split_names(examples.split_names):
        return []
    return [f"{artifact_utils.get_split_uri([examples], HELD_BACK_SPLIT)}/*"]


@contextlib.contextmanager
def errors_of_modules_as_user_errors() -> Iterator[None]:
    """Raises the errors that ``modules`` defines, which speak to its author, as a ``UserError``."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] == modules.__name__:
            raise UserError(str(error)) from error
        raise


class TrainerSpec(component_spec.ComponentSpec):
    """Trainer's contract."""

    PARAMETERS = {  # noqa: RUF012 - TFX's form
        standard_component_specs.RUN_FN_KEY: component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
        **PARAMETERS,
        standard_component_specs.TRAIN_ARGS_KEY: component_spec.ExecutionParameter(type=trainer_pb2.TrainArgs),
        standard_component_specs.EVAL_ARGS_KEY: component_spec.ExecutionParameter(type=trainer_pb2.EvalArgs),
    }
    INPUTS = {  # noqa: RUF012
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.TransformGraph
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.MODEL_RUN_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class TunedTrainerSpec(TrainerSpec):
    """The contract behind a tuner, whose output is no optional input: one that is lost must not go unnoticed."""

    INPUTS = {  # noqa: RUF012
        **TrainerSpec.INPUTS,
        standard_component_specs.HYPERPARAMETERS_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters
        ),
    }


class Executor(tfx_executor.GenericExecutor):
    """Hands the hyperparameters to ``run_fn`` as ``custom_config``."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, and notes hyperparameters and the epoch that was kept on the model; ``TrainerSpec`` has all keys.

        Raises:
            UserError: A hyperparameter is not what the configuration allows, or ``modules`` raised an error of its own:
                there is no GPU, the model cannot be trained, the training diverged or read other examples than
                example-gen wrote.
        """
        asked = read_asked(exec_properties)
        best = input_dict.get(standard_component_specs.HYPERPARAMETERS_KEY)
        tuned = read_best(artifact_utils.get_single_uri(best)) if best else {}
        examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
        config = in_force(asked, tuned, held_back=bool(held_back_files(examples))).model_dump()
        # Keras takes a second to load, and whoever only compiles the pipeline does not need it.
        from modules import devices  # noqa: PLC0415

        config["precision"] = devices.precision_in_force(config["device"], config["precision"])
        custom = custom_config(config, standard_component_specs.RUN_FN_KEY, input_dict, exec_properties)
        exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY] = json_utils.dumps(custom)
        with errors_of_modules_as_user_errors():
            super().Do(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_KEY])
        model_run = artifact_utils.get_single_instance(output_dict[standard_component_specs.MODEL_RUN_KEY])
        for name, value in (config | _epochs(Path(model_run.uri, EPOCHS_FILE))).items():
            _SETTERS[type(value)](model, name, value)
        chosen = sorted(tuned.keys() - asked.model_fields_set)
        if chosen:
            model.set_string_custom_property(TUNED_PROPERTY, " ".join(chosen))


def _epochs(file: Path) -> dict[str, int]:
    """How many epochs there were and which was kept; nothing where a ``run_fn`` of a user's own does not say."""
    return json.loads(file.read_bytes()) if file.exists() else {}


def read_asked(exec_properties: Mapping[str, Any]) -> TrainingConfig:
    """Reads what a user asked for from the parameters of a trainer; an older package has fewer, or older names.

    Raises:
        UserError: The configuration does not allow one.
    """
    values = current_parameters(exec_properties)
    own = {name for name in MODELS_OWN if values.get(name) == unset(TrainingConfig.model_fields[name])}
    return TrainingConfig.checked({name: values[name] for name in HYPERPARAMETERS if name in values.keys() - own})


def read_best(directory: str) -> dict[str, Any]:
    """Reads the hyperparameters that the tuner found best, from the artifact that TFX's Tuner writes."""
    (file,) = Path(directory).iterdir()
    values: dict[str, Any] = json.loads(file.read_bytes())["values"]
    return values


def in_force(asked: TrainingConfig, tuned: Mapping[str, Any] = NOTHING, *, held_back: bool = False) -> TrainingConfig:
    """Adds to what a user asked for what a tuner found, and else the model's own.

    Args:
        asked: Those of the user.
        tuned: Those that the tuner found.
        held_back: Whether the data has a split of its own to judge each epoch by.

    Raises:
        UserError: The configuration does not allow what the model's file says, alone or with what is asked for.
    """
    file, own = f"modules/models/{asked.model_name}.py: DEFAULTS", models_own(asked.model_name)
    if wrong := sorted(own.keys() - MODELS_OWN):
        raise UserError(f"{file} has {', '.join(wrong)}: expected some of {', '.join(sorted(MODELS_OWN))}")
    config = TrainingConfig.checked({**own, **tuned, **asked.asked}, file)
    if not held_back:
        require_validation_fraction(config)
    return config


class Trainer(base_component.BaseComponent):
    """Trains with the raw examples, applying the transform graph while it reads them."""

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        run_fn: str,
        code_digest: str,
        examples: BaseChannel,
        transform_graph: BaseChannel,
        hyperparameters: Any,
        best_hyperparameters: BaseChannel | None = None,
    ) -> None:
        """Makes a trainer.

        Args:
            run_fn: Import path of the ``run_fn``.
            code_digest: Digest of the code that it uses; new code trains anew.
            examples: Raw tf.Examples with the splits ``train`` and ``eval``.
            transform_graph: Transform's graph.
            hyperparameters: A ``TrainingConfig``, or ``RunParameters`` of one.
            best_hyperparameters: Those that a tuner chose; None without one.
        """
        tuned = {standard_component_specs.HYPERPARAMETERS_KEY: best_hyperparameters} if best_hyperparameters else {}
        super().__init__(
            (TunedTrainerSpec if tuned else TrainerSpec)(
                run_fn=run_fn,
                code_digest=code_digest,
                examples=examples,
                transform_graph=transform_graph,
                train_args=trainer_pb2.TrainArgs(),
                eval_args=trainer_pb2.EvalArgs(),
                model=channel_utils.as_channel([standard_artifacts.Model()]),
                model_run=channel_utils.as_channel([standard_artifacts.ModelRun()]),
                **tuned,
                **wanted(hyperparameters),
            )
        )
