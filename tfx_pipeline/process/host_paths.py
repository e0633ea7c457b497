"""Paths as a person means them, in the container of ``tools/env`` too, which sees only parts of the host."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tfx_pipeline.process.errors import UserError

FOLDERS: Final = "FASHION_MNIST_HOST_FOLDERS"
"""Set by ``tools/env`` in its container: the folders of the host there, one a line."""
HOME: Final = "FASHION_MNIST_HOST_HOME"
_LINKS_DEPTH: Final = 3
_PATTERN: Final = re.compile(r"[*?\[\\]")
"""What makes a pattern of a path for TensorFlow and Beam; braces mean themselves."""


def expanded(path: str) -> str:
    """Replaces a leading ``~`` by the home folder: the host's, not the container's."""
    home = os.environ.get(HOME)
    if home and (path == "~" or path.startswith("~/")):
        return home + path[1:]
    return os.path.expanduser(path)  # noqa: PTH111 - keeps '' as it is


def require_no_pattern(path: str | Path, given: str) -> None:
    """Refuses a place whose path TensorFlow, TFX and Beam would take for a pattern, and so for other places as well.

    They look for files by patterns in so many places (examples, checkpoints, SavedModels, the results of Beam, which
    deletes what it finds) that no escape reaches all.

    Args:
        path: The absolute path, since a folder above may have such a name.
        given: How it was given, such as ``--output-dir``.

    Raises:
        UserError: The path has a character of patterns.
    """
    if found := sorted(set(_PATTERN.findall(str(path)))):
        raise UserError(
            f"{given} {path}: has {' '.join(found)}, by which TensorFlow and Apache Beam mean other files as well; "
            "give a folder whose path has none of * ? [ \\"
        )


def require_visible(path: str | Path, given: str) -> None:
    """Refuses a place that is the container's own: what is written there is lost, and what the host has is not there.

    Args:
        path: A file or a folder, which need not exist.
        given: How it was given, such as ``--output-dir``.

    Raises:
        UserError: The container sees nothing of the host there, or a link in the folder leads to such a place.
    """
    if FOLDERS not in os.environ:
        return
    for place in itertools.chain([Path(path)], _dangling_links(Path(path), _LINKS_DEPTH)):
        target = os.path.realpath(place)
        if not _is_visible(target):
            link = f", by the link {place}" if place.is_symlink() else ""
            raise UserError(
                f"{given} {path}: the container that tools/env runs does not see {target} of this machine{link}; make "
                f"the folder first, name it on the command line by {given}, or use one in the checkout"
            )


def _is_visible(target: str) -> bool:
    folders = [os.path.realpath(folder) for folder in os.environ[FOLDERS].splitlines()]
    return any(target == folder or target.startswith(f"{folder}/") for folder in folders)


def _dangling_links(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir()) if depth else []
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink() and not entry.exists():
            yield entry
        elif entry.is_dir() and not entry.is_symlink():
            yield from _dangling_links(entry, depth - 1)
