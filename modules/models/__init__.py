"""The models that can be trained: one file each, whose name is the model's and whose ``build`` makes it.

A file may have a ``RECIPE`` as well, for how its model is trained.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from modules.recipe import Recipe


def names() -> list[str]:
    """The models that there are, found without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build(name: str) -> "keras.Model":
    """Builds a model.

    Args:
        name: One of ``names()``.

    Returns:
        A model from ``pixels``, float32 [batch, 28, 28], to logits, float32 [batch, 10].

    Raises:
        ValueError: The name is unknown.
    """
    model: keras.Model = _module(name).build()
    return model


def recipe(name: str) -> "Recipe":
    """How a model is trained: the ``RECIPE`` of its file, or the usual one where there is none.

    Args:
        name: One of ``names()``.

    Returns:
        The recipe.

    Raises:
        ValueError: The name is unknown.
    """
    from modules.recipe import Recipe  # noqa: PLC0415 - it loads Keras, which those who ask for the names need not

    found: Recipe = getattr(_module(name), "RECIPE", Recipe())
    return found


def _module(name: str) -> ModuleType:
    if name not in names():
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
