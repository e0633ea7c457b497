"""The models that can be trained: one file each, named as the model.

``build`` makes it, ``DEFAULTS`` suit it, and ``search_space`` says what a search may vary.
"""

import importlib
import pkgutil
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import keras_tuner


def names() -> list[str]:
    """The models that there are, found without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build(name: str) -> "keras.Model":
    """Builds a model from ``pixels``, float32 [batch, *image_shape], to logits, float32 [batch, classes].

    Raises:
        ValueError: The name is none of ``names()``.
    """
    model: keras.Model = _module(name).build()
    return model


def defaults(name: str) -> dict[str, Any]:
    """What a model's file says of the hyperparameters that it is best trained with (modules/hyperparameters.py).

    Raises:
        ValueError: The name is none of ``names()``.
    """
    return dict(getattr(_module(name), "DEFAULTS", {}))


def search_space(name: str, own: dict[str, Any], space: "keras_tuner.HyperParameters") -> None:
    """Declares what a search may vary of a model: what its file says, else its learning rate and batch size.

    Args:
        name: The model.
        own: The hyperparameters that suit it.
        space: Receives the hyperparameters, by their names in the configuration. One that is in it already stays.

    Raises:
        ValueError: The name is none of ``names()``.
    """
    getattr(_module(name), "search_space", partial(_about, own))(space)


def _about(own: dict[str, Any], space: "keras_tuner.HyperParameters") -> None:
    """A tenth to ten times the model's own learning rate, and half, all or twice its batch size."""
    rate, size = own["learning_rate"], own["batch_size"]
    space.Float("learning_rate", rate / 10, min(rate * 10, 10.0), sampling="log", default=rate)
    space.Choice("batch_size", sorted({max(size // 2, 1), size, min(size * 2, 65_536)}), default=size)


def _module(name: str) -> ModuleType:
    if name not in names():
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
