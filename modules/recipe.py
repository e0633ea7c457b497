"""How a model is trained, where it is not trained as the others are."""

import dataclasses
from collections.abc import Callable

import keras


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a file of ``modules/models`` may say of its model's training.

    Attributes:
        optimizer: Makes the optimizer out of the configured learning rate, which is Adam's: one with other steps knows
            what corresponds to it.
        warm_up: The share of the epochs, from 0 to 1, in which the learning rate grows to its full size.
    """

    optimizer: Callable[[float], keras.optimizers.Optimizer] = keras.optimizers.Adam
    warm_up: float = 0.0
