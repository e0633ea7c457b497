"""Which code made a result: the versions of the libraries, and the commit."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "ml-metadata",
    "apache-beam",
    "numpy",
)


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def git_commit(checkout: Path = Path(__file__).parent) -> str | None:
    """The commit of this checkout, with ``-dirty`` where files differ or are new; None without git or a commit."""
    # The checkout may belong to another user than the one in the container.
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        answer = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    commit, *lines = answer.stdout.splitlines()
    dirty = any(not line.startswith("#") for line in lines)
    return None if "(initial)" in commit else commit.removeprefix("# branch.oid ") + "-dirty" * dirty
