"""The log of a step, as Kubeflow's page shows it: the step's own lines, and in one line each what libraries warn of."""

import logging
import os
import sys
import textwrap
import warnings
from typing import Final

from tfx_pipeline.process.errors import readable
from tfx_pipeline.process.redaction import redact

_OWN: Final = ("tfx_pipeline", "modules", "__main__")
_LIBRARIES_LEVEL: Final = "LIBRARY_LOG_LEVEL"
"""Environment variable with the level from which libraries are heard: WARNING, or INFO for all that they say."""
_LONGEST: Final = 240
"""Characters of a library's line: TFX prints every artifact that it is given, a hundred lines each."""


class _Formatter(logging.Formatter):
    """Writes the step's lines as they are, and those of libraries short and with their names."""

    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record, "%H:%M:%S")
        if is_own(record):
            return f"{when} {readable(redact(super().format(record)))}"
        message = textwrap.shorten(readable(redact(record.getMessage())), _LONGEST, placeholder=" ...")
        return f"{when} [{record.levelname.lower()} of {record.name}] {message}"


def is_own(record: logging.LogRecord) -> bool:
    """Whether a line is of this project's code."""
    return record.name.partition(".")[0] in _OWN


def _level() -> int:
    return logging.getLevelNamesMapping().get(os.environ.get(_LIBRARIES_LEVEL, ""), logging.WARNING)


def _is_shown(record: logging.LogRecord) -> bool:
    return is_own(record) or record.levelno >= _level()


def shows_all() -> bool:
    """Whether a person asked for all that there is to say, tracebacks of what one line explains too."""
    return _level() <= logging.INFO


def start() -> None:
    """Starts the log on standard error."""
    # TensorFlow's C++ parts talk when they are loaded; errors stay.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    handler.addFilter(_is_shown)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(capture=True)
    warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}"
