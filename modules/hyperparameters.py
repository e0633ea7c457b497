"""The hyperparameters: each is declared here once, with its default, bounds and meaning, and typed for ``run_fn``.

A new one is a field: flag or key, run parameter on Kubeflow, checks, docs and columns in TensorBoard follow.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from modules import models

Device = Literal["auto", "gpu", "cpu"]
Precision = Literal["auto", "fastest", "float32", "mixed_float16", "mixed_bfloat16"]

EPOCHS_FILE: Final = "epochs.json"
"""Beside a training's curves: ``trained_epochs`` and ``kept_epoch``, the one whose weights the model has."""


def _declared(
    default: Any, meaning: str, *, flag: bool = False, alias: str = "", of_model: bool = True, **bounds: Any
) -> Any:
    """A field; ``of_model``: ``DEFAULTS`` in a model's file may say another default, which suits the model."""
    extra: dict[str, Any] = {"flag": flag, "alias": alias, "of_model": of_model}
    return Field(default=default, description=meaning, json_schema_extra=extra, **bounds)


def _model(name: str) -> str:
    if name not in models.names():
        raise ValueError(f"expected one of {', '.join(models.names())}")
    return name


class Hyperparameters(BaseModel):
    """What a training follows from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    model_name: Annotated[str, AfterValidator(_model)] = _declared(
        "dense",
        f"a model of modules/models: {', '.join(models.names())}",
        flag=True,
        alias="--model",
        of_model=False,
    )
    epochs: int = _declared(10, "passes over the training data", flag=True, ge=1, le=10_000)
    batch_size: int = _declared(256, "examples that each device takes in a step", flag=True, ge=1, le=65_536)
    learning_rate: float = _declared(
        0.004, "Adam's first step size on one device, which falls from epoch to epoch", flag=True, gt=0, le=10
    )
    label_smoothing: float = _declared(
        0.0, "share of each label that is spread over all classes while the model is trained", ge=0, lt=1
    )
    class_weight: Literal["equal", "balanced"] = _declared(
        "equal",
        "balanced: each class counts the same in the loss, however few its images are; equal: each image does",
        of_model=False,
    )
    validation_fraction: float = _declared(
        0.0,
        "fraction of the training data that is not trained on, to choose settings by; 0 trains on all",
        ge=0,
        le=0.5,
    )
    early_stopping: int = _declared(
        0,
        "epochs without a lower loss on the validation fraction after which a training ends, with the weights of the "
        "epoch that had the lowest; 0: after all epochs, with the last weights. The learning rate falls over all "
        "epochs either way",
        ge=0,
        le=10_000,
    )
    seed: int = _declared(
        1, "what initial weights and the shuffle follow from", flag=True, of_model=False, ge=0, lt=2**31
    )
    device: Device = _declared(
        "auto",
        "gpu: all GPUs there are, and an error where there is none; auto: the CPU then; cpu: never a GPU",
        flag=True,
        of_model=False,
    )
    precision: Precision = _declared(
        "auto",
        "Keras dtype policy; auto: mixed_float16 where every GPU is faster with it, else float32; fastest: the same, "
        "and mixed_bfloat16 on a CPU that is measured to be faster with it",
        flag=True,
    )
    determinism: Literal["off", "on"] = _declared(
        "off", "on: the same weights from each training on GPUs too, which makes them slower", of_model=False
    )

    @classmethod
    def of(cls, custom_config: Mapping[str, Any]) -> "Hyperparameters":
        """Reads them from what TFX hands to ``run_fn``, where more stands beside them; the trainer checked them."""
        return cls.model_construct(**{name: custom_config[name] for name in cls.model_fields})


def of_model(field: Any) -> bool:
    """Whether a field's default is the model's to say."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("of_model"))


MODELS_OWN: Final = frozenset(name for name, field in Hyperparameters.model_fields.items() if of_model(field))
"""The hyperparameters of which ``DEFAULTS`` in a model's file says what suits it."""


def models_defaults(name: str) -> dict[str, Any]:
    """What a model is best trained with: ``DEFAULTS`` of its file, and of the rest what is declared here."""
    fields = Hyperparameters.model_fields
    return {own: fields[own].default for own in fields if own in MODELS_OWN} | models.defaults(name)
