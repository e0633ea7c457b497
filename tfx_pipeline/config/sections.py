"""The configuration: every value that a user can set, with its default, its meaning and its limits."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, SerializerFunctionWrapHandler, model_serializer

from modules.hyperparameters import MODELS_OWN, Hyperparameters, models_defaults
from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.config.limits import Limits, Mode
from tfx_pipeline.config.renamed import current_parameters
from tfx_pipeline.config.section import Section, setting
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded
from tfx_pipeline.process.redaction import without_credentials


def _path(value: Any) -> Any:
    if value == "":
        raise ValueError("expected a path")
    if re.match(r"[A-Za-z][\w+.-]*:/", str(value)):
        raise ValueError("expected a folder of this machine, no URL")
    if not isinstance(value, str | Path):
        return value  # for the type's own error
    if (path := expanded(str(value))).startswith("~"):
        raise ValueError("expected a path, and this machine has no such user")
    return path


class DataConfig(Section):
    """Where the data comes from, and what becomes of data that is not what it should be."""

    data_source: Literal["auto", "tfds", "debian", "idx", "npz", "csv", "class_folders", "parquet"] = setting(
        "auto",
        "tfds: TensorFlow Datasets; debian: Debian's package of the data set; the others: a form of the files in "
        "--data-dir; auto: that form, or without --data-dir the first of these two that answers",
        flag=True,
    )
    data_dir: Annotated[str | None, AfterValidator(without_credentials)] = setting(
        None,
        "folder of images, in a form of docs/bring-your-own.md: a local path, or a URL with s3://, gs://, minio:// or "
        "what else Apache Beam reads",
        flag=True,
    )
    limit: int = setting(
        0, "take only the first N examples of each split; 0 takes all", flag=True, ge=0, le=1_000_000_000
    )
    data_version: str = setting("", "any text; a new one makes a pipeline on Kubeflow read the data again")
    data_gate: Mode = setting(
        "stop",
        "stop: end the run before training where the data is beyond a limit of [data_gate]; warn: record it and go on",
        flag=True,
    )


def require_found_anywhere(folder: str | None, given: str) -> None:
    """Refuses a data folder that is another one in every process: a step on Kubeflow would look into its own pod.

    Args:
        folder: A value of ``DataConfig.data_dir``.
        given: How it was given, with its value, for the error.

    Raises:
        UserError: It is neither absolute nor a URL.
    """
    if folder and "://" not in folder and not folder.startswith("/"):
        raise UserError(f"{given}: expected a path in the cluster, such as /data, or a URL")


class TrainingConfig(Hyperparameters, Section):
    """What is trained, and how; what suits a model is in `DEFAULTS` of its file, where nothing is given."""

    @property
    def asked(self) -> dict[str, Any]:
        """What a user gave."""
        return self.model_dump(exclude_unset=True)

    @model_serializer(mode="wrap")
    def _without_what_the_model_decides(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """None where the model's own is not known before the training."""
        undecided = MODELS_OWN - self.model_fields_set
        return {name: None if name in undecided else value for name, value in values(self).items()}


def models_own(name: str) -> dict[str, Any]:
    """``models_defaults``; where a model's file is no Python, a ``UserError``."""
    try:
        return current_parameters(models_defaults(name))
    except Exception as error:
        raise UserError(f"modules/models/{name}.py: {type(error).__name__}: {error}; correct it") from error


def require_validation_fraction(training: TrainingConfig) -> None:
    """Refuses to end a training early by images that there are none of, with a ``UserError``."""
    asked = training.asked
    fraction, patience = asked.get("validation_fraction"), asked.get("early_stopping")
    if fraction or patience == 0 or (fraction, patience) == (None, None):
        return  # no need of the model's own, which take seconds to load
    own = models_own(training.model_name) | asked
    if own["early_stopping"] and not own["validation_fraction"]:
        raise UserError(
            f"training.early_stopping is {own['early_stopping']} and training.validation_fraction 0: expected images "
            "to judge each epoch by; set training.validation_fraction to 0.1, say, or training.early_stopping to 0"
        )


class TuningConfig(Section):
    """The search for hyperparameters before the training, on a part of the training data alone."""

    trials: int = setting(
        flag=True,
        alias="--tune",
        default=0,
        ge=0,
        le=1_000,
        description="trainings to choose the model's hyperparameters by, those that are not given; 0 does without",
    )


def _baseline(text: str) -> str:
    if not re.fullmatch("none|newest|[1-9][0-9]{0,18}", text):
        raise ValueError("expected none, newest or the number of a pushed version")
    return text


class ServingConfig(Section):
    """Which pushed model a new one is compared with, and how many are kept."""

    baseline: Annotated[str, AfterValidator(_baseline)] = setting(
        flag=True,
        default="newest",
        description="pushed model that a new one is compared with: newest, the number of a version, or none",
    )
    keep_versions: int = setting(
        default=5,
        ge=1,
        le=1_000_000,
        description="pushed models to keep: after a push, older ones of this pipeline's are deleted, but never the "
        "newest, nor the one that the run compared with",
    )


class RunConfig(Section):
    """How a run on one machine works."""

    output_dir: Annotated[Path, BeforeValidator(_path)] = setting(
        flag=True,
        default=Path("output"),
        strict=False,
        description="where artifacts, metadata, models, logs and reports go",
    )
    cache: bool = setting(flag=True, default=True, description="reuse what an earlier run computed from the same input")
    clean: bool = setting(
        flag=True,
        default=False,
        description="delete what earlier runs left in the output directory first, pushed models included",
    )
    beam_args: list[str] = setting(
        flag=True,
        default=[],
        description='options for Apache Beam as one string, such as "--runner=FlinkRunner ..."',
    )


class Config(Section):
    """All values in force for a pipeline."""

    data: DataConfig = DataConfig()
    data_gate: Limits = Limits()
    training: TrainingConfig = TrainingConfig()
    tuning: TuningConfig = TuningConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    serving: ServingConfig = ServingConfig()
    run: RunConfig = RunConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
