"""Words that a user chooses between, and a file's name, apart from the code for them, which takes seconds to load."""

from typing import Final, Literal

Device = Literal["auto", "gpu", "cpu"]
"""Where a training runs; ``auto``: on the GPUs, or the CPU where there is none."""

Precision = Literal["auto", "fastest", "float32", "mixed_float16", "mixed_bfloat16"]
"""A Keras dtype policy; ``auto``: mixed_float16 where every GPU is faster with it, else float32; ``fastest``: the same,
and mixed_bfloat16 on a CPU that is measured to be faster with it."""

EPOCHS_FILE: Final = "epochs.json"
"""Beside a training's curves: ``trained_epochs`` and ``kept_epoch``, the one whose weights the model has."""
