"""What a version of a pushed model is, in every serving place: its number, its files, and how long it stays."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError

SAVED_MODEL: Final = "saved_model.pb"
"""A version is complete where it has this file."""

MODEL_CARD: Final = "MODEL_CARD.md"
"""What is known of a pushed model, beside it; no part of the model itself."""

SERVING_FORMAT: Final = "Format-Serving"
"""Where a model artifact holds the model for serving: the ``SERVING_MODEL_DIR`` of TFX's ``path_constants``."""

HIGHEST: Final = 2**63 - 1
"""The highest number that TensorFlow Serving takes for a version."""

ABANDONED_SECONDS: Final = 24 * 60 * 60
"""After this time, what is there of a version belongs to a pusher that died."""


def model_dir(uri: str) -> Path:
    """The directory of the SavedModel in a model artifact."""
    return Path(uri, SERVING_FORMAT)


def number_of(name: str) -> int | None:
    """The number of the version of a name; None for a name that no version has."""
    return int(name) if re.fullmatch("[1-9][0-9]{0,18}", name) and int(name) <= HIGHEST else None


def next_number(root: str, names: Iterable[str]) -> int:
    """The number of the next version: seconds since 1970, as TFX's Pusher has them, but above those that are taken.

    Args:
        root: The serving place, for the error.
        names: What lies there, versions or not; TensorFlow Serving reads a number with leading zeros too.

    Raises:
        UserError: The highest number is taken.
    """
    taken = max(
        (number for name in names if re.fullmatch("[0-9]+", name) and (number := int(name)) <= HIGHEST), default=0
    )
    if taken == HIGHEST:
        raise UserError(
            f"{root}/{HIGHEST}: no version can follow the highest number there is; move it away and run again"
        )
    return max(int(time.time()), taken + 1)


def outdated(versions: Iterable[int], keep: int, baseline: int) -> list[int]:
    """The versions that are neither among the newest nor the baseline.

    Args:
        versions: All versions.
        keep: How many of the newest stay; the newest itself stays always.
        baseline: A version that stays as well.

    Returns:
        The others, oldest first.
    """
    return [version for version in sorted(versions)[: -max(keep, 1)] if version != baseline]


def files_of(directory: Path) -> dict[str, Path]:
    """The files of a directory by their relative names, those in linked folders too.

    Raises:
        OSError: A folder cannot be read.
    """
    folders = os.walk(directory, onerror=_raise, followlinks=True)
    paths = sorted(Path(folder, name) for folder, _, names in folders for name in names)
    return {str(path.relative_to(directory)): path for path in paths if path.is_file()}


def _raise(error: OSError) -> None:
    raise error


def model_files(directory: Path) -> dict[str, Path]:
    """The files of a SavedModel by their relative names, without the card: two models are the same where these are."""
    return {name: path for name, path in files_of(directory).items() if name != MODEL_CARD}
