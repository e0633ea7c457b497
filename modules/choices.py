"""The words between which a user chooses, apart from the code that acts on them, which takes seconds to load."""

from typing import Literal

Device = Literal["auto", "gpu", "cpu"]
"""Where a training runs; ``auto``: on the GPUs, or the CPU where there is none."""

Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
"""A Keras dtype policy; ``auto``: mixed_float16 where every device is faster with it, else float32."""
