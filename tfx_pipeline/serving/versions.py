"""What a version of a pushed model is, in every serving place: its number, its files, and how long it stays."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SAVED_MODEL: Final = "saved_model.pb"
"""A version is complete where it has this file."""

MODEL_CARD: Final = "MODEL_CARD.md"
"""What is known of a pushed model, beside it; no part of the model itself."""

SERVING_FORMAT: Final = "Format-Serving"
"""Where a model artifact holds the model for serving: the ``SERVING_MODEL_DIR`` of TFX's ``path_constants``."""

ABANDONED_SECONDS: Final = 24 * 60 * 60
"""After this time, what is there of a version belongs to a pusher that died."""


def model_dir(uri: str) -> Path:
    """The directory of the SavedModel in a model artifact."""
    return Path(uri, SERVING_FORMAT)


def next_number(taken: Iterable[int]) -> int:
    """The number of the next version: seconds since 1970, as TFX's Pusher has them, but above those that are taken."""
    return max(int(time.time()), max(taken, default=0) + 1)


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
    """The files of a directory by their relative names."""
    return {str(path.relative_to(directory)): path for path in sorted(directory.rglob("*")) if path.is_file()}


def model_files(directory: Path) -> dict[str, Path]:
    """The files of a SavedModel by their relative names, without the card: two models are the same where these are."""
    return {name: path for name, path in files_of(directory).items() if name != MODEL_CARD}
