"""Reads how artifacts were made, as recorded on them: a model's hyperparameters, the source of examples."""

from typing import Final

from tfx.types import Artifact

from tfx_pipeline.components.trainer import HYPERPARAMETERS
from tfx_pipeline.review.content import Rows

DATA_PROPERTIES: Final = ("data_source", "data_kind", "data_digest")
COUNT_SUFFIX: Final = "_examples"


def hyperparameters(model: Artifact) -> dict[str, str | int | float]:
    """The hyperparameters that the trainer recorded on the model's artifact."""
    return {
        name: kind(model.get_custom_property(name))  # Kubeflow gives every number back as a float
        for name, kind in HYPERPARAMETERS.items()
        if model.has_custom_property(name)
    }


def data_origin(examples: Artifact) -> Rows:
    """Source, kind, digest and counts that example-gen recorded on the examples' artifact, as text."""
    texts = [(name.replace("_", " "), examples.get_string_custom_property(name)) for name in DATA_PROPERTIES]
    counts = [
        (f"{split} examples", f"{examples.get_int_custom_property(f'{split}{COUNT_SUFFIX}'):,}")
        for split in ("train", "eval")
    ]
    return (*texts, *counts)
