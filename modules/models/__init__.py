"""The models that can be trained: one file each, whose name is the model's and whose ``build`` makes it."""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def names() -> list[str]:
    """The models that there are, found without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build(name: str) -> "keras.Model":
    """Builds a model from ``pixels``, float32 [batch, *image_shape], to logits, float32 [batch, classes].

    Raises:
        ValueError: The name is none of ``names()``.
    """
    if name not in names():
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(names())}")
    model: keras.Model = importlib.import_module(f"{__name__}.{name}").build()
    return model
