"""Digests of code: the user's, on which results depend as on the data, and all that Beam's workers run."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import modules
import tfx_pipeline

CODE: Final = "code"
"""What a run's ``workers_code_digest`` is called where its workers are told of it."""


def modules_digest() -> str:
    """SHA-256, in hex, of all files in ``modules/`` and their names: what is edited there runs, whatever is cached.

    A model may read weights or settings that lie beside it, so it is not only the Python files that count. What Python
    and editors leave there does not.
    """
    root = Path(modules.__file__).parent
    return _digest(root, user_files(root))


def workers_code_digest() -> str:
    """SHA-256, in hex, of ``modules/`` and the Python files in ``tfx_pipeline/``, which a run and its workers share."""
    root = Path(tfx_pipeline.__file__).parent
    return hashlib.sha256((modules_digest() + _digest(root, root.rglob("*.py"))).encode()).hexdigest()


def user_files(root: Path) -> Iterator[Path]:
    """The files below a folder, those behind links too, without hidden ones, editors' copies and Python's cache."""
    visited = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        visited.add(os.path.realpath(folder))
        # A link to a folder above would be walked for ever.
        folders[:] = [f for f in folders if _counts(f) and os.path.realpath(Path(folder, f)) not in visited]
        yield from (path for name in names if _counts(name) and (path := Path(folder, name)).is_file())


def _counts(name: str) -> bool:
    return not name.startswith((".", "#")) and not name.endswith(("~", ".pyc")) and name != "__pycache__"


def _digest(root: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
