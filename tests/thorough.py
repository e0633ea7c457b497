"""Which thorough tests a change asks for: those that cover a file which it touches.

A thorough test says what it covers, in its mark: ``@pytest.mark.thorough("modules/trainer.py", "tfx_pipeline/data/")``.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.small_run import ROOT

EVERYTHING: Final = ("pyproject.toml", "uv.lock", "Dockerfile")
"""What every thorough test depends on: the libraries."""


def changed_since(commit: str, root: Path = ROOT) -> list[str] | None:
    """Lists the files that differ from those of a commit, new ones too; None where Git cannot tell."""
    differ = _git(root, "diff", "--name-only", "--no-renames", "-z", "--end-of-options", commit, "--")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return None if differ is None or new is None else [name for name in (differ + new).split("\0") if name]


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-c", "safe.directory=*", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def is_asked_for(covered: Sequence[str], test_file: str, changed: Sequence[str] | None) -> bool:
    """Whether a change touches what a test covers, the test, or what tests share; True where the change is unknown."""
    return changed is None or any(
        name in (*covered, *EVERYTHING, test_file)
        or name.startswith(tuple(path for path in covered if path.endswith("/")))
        or (name.startswith("tests/") and not Path(name).name.startswith("test_"))
        for name in changed
    )


def covered_by(item: pytest.Item) -> list[str]:
    """The paths that a test's marks name."""
    return [path for mark in item.iter_markers("thorough") for path in mark.args]


def deselect_unasked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the thorough tests that cover nothing of what changed since the commit of ``--since``."""
    commit = config.getoption("--since")
    changed = changed_since(commit) if commit else None
    unasked = [
        item
        for item in items
        if item.get_closest_marker("thorough")
        and not is_asked_for(covered_by(item), item.path.relative_to(ROOT).as_posix(), changed)
    ]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
