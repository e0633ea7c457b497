"""Executor classes that print how long a step took to start, in seconds and in seconds of the processor.

``bench.probe.<import path of an executor class, dots as double underscores>`` is a subclass of that class, so that the
entrypoint loads all that the real step loads.
"""

import importlib
import os
import time
from typing import Any, Final

STARTED: Final = "BENCH_STARTED"
"""Environment variable with the time at which the process was started, of ``time.monotonic``."""


def probe_path(executor_class_path: str) -> str:
    """The import path of the probe for an executor class."""
    return f"{__name__}.{executor_class_path.replace('.', '__')}"


def _do(*_args: Any) -> None:
    print(time.monotonic() - float(os.environ[STARTED]), time.process_time(), flush=True)  # noqa: T201 - for the benchmark
    os._exit(0)


def __getattr__(name: str) -> type:
    module, separator, class_name = name.replace("__", ".").rpartition(".")
    if not separator or not module or module.startswith("."):
        raise AttributeError(name)
    executor = getattr(importlib.import_module(module), class_name)
    return type(name, (executor,), {"Do": _do})
