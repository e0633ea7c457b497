"""The configuration: every value that a user can set, with its default, its meaning and its limits."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from modules import models
from modules.choices import Device, Precision
from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.config.limits import DataGateConfig
from tfx_pipeline.config.section import Section
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded
from tfx_pipeline.process.redaction import without_credentials


def _known_model(name: str) -> str:
    if name not in models.names():
        raise ValueError(f"expected one of {', '.join(models.names())}")
    return name


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
    """Where the data comes from."""

    source: Literal["auto", "tfds", "debian", "idx", "npz", "csv", "class_folders", "parquet"] = Field(
        default="auto",
        title="--data-source",
        description="tfds: TensorFlow Datasets; debian: Debian's package of the data set; the others: a form of the "
        "files in --data-dir; auto: that form, or without --data-dir the first of these two that answers",
    )
    dir: Annotated[str | None, AfterValidator(without_credentials)] = Field(
        default=None,
        title="--data-dir",
        description="folder of images, in a form of docs/bring-your-own.md: a local path, or a URL with s3://, gs://, "
        "minio:// or what else Apache Beam reads",
    )
    limit: int = Field(
        title="--limit",
        default=0,
        ge=0,
        le=1_000_000_000,
        description="take only the first N examples of each split; 0 takes all",
    )
    version: str = Field(
        default="",
        json_schema_extra={"parameter": "data_version"},
        description="any text; a new one makes a pipeline on Kubeflow read the data again",
    )


_OWN: Final = " (default: the model's own; as a run parameter, {} means that)"


def require_found_anywhere(folder: str | None, given: str) -> None:
    """Refuses a data folder that is another one in every process: a step on Kubeflow would look into its own pod.

    Args:
        folder: A value of ``DataConfig.dir``.
        given: How it was given, with its value, for the error.

    Raises:
        UserError: It is neither absolute nor a URL.
    """
    if folder and "://" not in folder and not folder.startswith("/"):
        raise UserError(f"{given}: expected a path in the cluster, such as /data, or a URL")


def models_own(name: str) -> dict[str, Any]:
    """``models.defaults``; where a model's file is no Python, a ``UserError``."""
    try:
        return models.defaults(name)
    except Exception as error:
        raise UserError(f"modules/models/{name}.py: {type(error).__name__}: {error}; correct it") from error


def require_held_back(training: "TrainingConfig") -> None:
    """Refuses to end a training early by images that there are none of, with a ``UserError``."""
    given = (training.held_back, training.early_stopping)
    if given[0] or given[1] == 0 or given == (None, None):
        return  # no need of the model's own, which take seconds to load
    own = models_own(training.model) | training.model_dump(exclude_none=True)
    if own["early_stopping"] and not own["held_back"]:
        raise UserError(
            f"training.early_stopping is {own['early_stopping']} and training.held_back 0: expected images to judge "
            "each epoch by; set training.held_back to 0.1, say, or training.early_stopping to 0"
        )


class TrainingConfig(Section):
    """What is trained, and how."""

    model: Annotated[str, AfterValidator(_known_model)] = Field(
        title="--model", default="dense", description=f"a model of modules/models: {', '.join(models.names())}"
    )
    epochs: int | None = Field(
        title="--epochs", default=None, ge=1, le=10_000, description=f"passes over the training data{_OWN.format(0)}"
    )
    batch_size: int | None = Field(
        title="--batch-size",
        default=None,
        ge=1,
        le=65_536,
        description=f"examples that each device takes in a step{_OWN.format(0)}",
    )
    learning_rate: float | None = Field(
        title="--learning-rate",
        default=None,
        gt=0,
        le=10,
        description=f"Adam's first step size on one device, which falls from epoch to epoch{_OWN.format(0)}",
    )
    label_smoothing: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description=f"share of each label that is spread over all classes while the model is trained{_OWN.format(-1)}",
    )
    held_back: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="fraction of the training data that is not trained on, to choose settings by; 0 trains on all"
        f"{_OWN.format(-1)}",
    )
    early_stopping: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="epochs without a lower loss on the part that is held back after which a training ends, with the "
        "weights of the epoch that had the lowest; 0: after all epochs, with the last weights. The learning rate falls "
        f"over all epochs either way{_OWN.format(-1)}",
    )
    seed: int = Field(
        title="--seed", default=1, ge=0, lt=2**31, description="what initial weights and the shuffle follow from"
    )
    device: Device = Field(
        title="--device",
        default="auto",
        description="gpu: all GPUs there are, and an error where there is none; auto: the CPU then; cpu: never a GPU",
    )
    precision: Precision | None = Field(
        title="--precision",
        default=None,
        description="Keras dtype policy; auto: mixed_float16 where every GPU is faster with it, else float32; fastest: "
        f"the same, and mixed_bfloat16 on a CPU that is measured to be faster with it{_OWN.format('no text')}",
    )
    determinism: Literal["off", "on"] = Field(
        default="off",
        description="on: the same weights from each training on GPUs too, which makes them slower",
    )


class TuningConfig(Section):
    """The search for hyperparameters before the training, on a part of the training data alone."""

    trials: int = Field(
        title="--tune",
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

    baseline: Annotated[str, AfterValidator(_baseline)] = Field(
        title="--baseline",
        default="newest",
        description="pushed model that a new one is compared with: newest, the number of a version, or none",
    )
    keep_versions: int = Field(
        default=5,
        ge=1,
        le=1_000_000,
        description="pushed models to keep: after a push, older ones of this pipeline's are deleted, but never the "
        "newest, nor the one that the run compared with",
    )


class RunConfig(Section):
    """How a run on one machine works."""

    output_dir: Annotated[Path, BeforeValidator(_path)] = Field(
        title="--output-dir",
        default=Path("output"),
        strict=False,
        description="where artifacts, metadata, models, logs and reports go",
    )
    cache: bool = Field(
        title="--no-cache", default=True, description="reuse what an earlier run computed from the same input"
    )
    clean: bool = Field(
        title="--clean",
        default=False,
        description="delete what earlier runs left in the output directory first, pushed models included",
    )
    beam_args: list[str] = Field(
        title="--beam-args",
        default=[],
        description='options for Apache Beam as one string, such as "--runner=FlinkRunner ..."',
    )


class Config(Section):
    """All values in force for a pipeline."""

    data: DataConfig = DataConfig()
    data_gate: DataGateConfig = DataGateConfig()
    training: TrainingConfig = TrainingConfig()
    tuning: TuningConfig = TuningConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    serving: ServingConfig = ServingConfig()
    run: RunConfig = RunConfig()
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()
