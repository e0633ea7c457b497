"""Reads how artifacts were made, as recorded on them: a model's hyperparameters, the source of examples."""

from typing import Any, Final

from tfx.types import Artifact

from modules.hyperparameters import Hyperparameters
from tfx_pipeline.config.section import value_type
from tfx_pipeline.record.examples import Rows, data_rows

HYPERPARAMETERS: Final[dict[str, type]] = {
    name: value_type(field) for name, field in Hyperparameters.model_fields.items()
}
"""Every hyperparameter, and its type in ML Metadata."""

TUNED_PROPERTY: Final = "tuned"
"""Custom property of a model with the names of the hyperparameters that the tuner chose, and a space between them."""


_GETTERS: Final[dict[type, Any]] = {
    str: Artifact.get_string_custom_property,
    int: Artifact.get_int_custom_property,
    # Text, for all its digits; an older model has a number.
    float: lambda model, name: float(model.get_string_custom_property(name) or model.get_float_custom_property(name)),
}
"""Kubeflow gives every number back as a float, and ``get_custom_property`` takes what is 0 or "" for absent then."""

TRAINED_EPOCHS, KEPT_EPOCH = "trained_epochs", "kept_epoch"


def hyperparameters(model: Artifact) -> dict[str, str | int | float]:
    """The hyperparameters that the trainer recorded on the model's artifact."""
    return {
        name: _GETTERS[kind](model, name) for name, kind in HYPERPARAMETERS.items() if model.has_custom_property(name)
    }


def training_end(model: Artifact) -> Rows:
    """How many epochs a model was trained for and which one's weights it has, as text; nothing where none is noted."""
    if not model.has_custom_property(KEPT_EPOCH):
        return ()
    known, (trained, kept) = hyperparameters(model), map(model.get_int_custom_property, (TRAINED_EPOCHS, KEPT_EPOCH))
    patience, epochs = known.get("early_stopping"), known["epochs"]
    stopped = f"; ended early: no lower held_back_loss for {patience} epochs" if trained < epochs else ""
    why = "the one with the lowest held_back_loss" if patience else "the last"
    return ("trained epochs", f"{trained} of {epochs}{stopped}"), ("kept epoch", f"{kept}, {why}")


def tuned(model: Artifact) -> frozenset[str]:
    """The names of the hyperparameters that the tuner chose, as the trainer noted them on the model's artifact."""
    return frozenset(model.get_string_custom_property(TUNED_PROPERTY).split())


def data_origin(examples: Artifact) -> Rows:
    """Source, kind, digest and counts that example-gen recorded on the examples' artifact, as text.

    Every later step has read as many examples, or has failed.
    """
    names = examples.mlmd_artifact.custom_properties
    return data_rows({name: examples.get_custom_property(name) for name in names})
