"""How a process loads TensorFlow, Beam and TFX: without the garbage collector, and leaving room on a GPU."""

import contextlib
import gc
import logging
import os
import time
from collections.abc import Iterator
from typing import Final

logger = logging.getLogger(__name__)

_GROWTH: Final = "TF_FORCE_GPU_ALLOW_GROWTH"


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Keeps the garbage collector from the objects of 8,000 imported modules, during the import and afterwards.

    Visiting them takes a quarter of TFX's loading time, and none is ever garbage. TensorFlow, which reads its
    environment when it is loaded, is told to take a GPU's memory as needed, unless the user's environment says
    otherwise.
    """
    os.environ.setdefault(_GROWTH, "true")
    begin = time.monotonic()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
    logger.info("loaded in %.2f s", time.monotonic() - begin)
