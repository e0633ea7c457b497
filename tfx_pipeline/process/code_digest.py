"""Digests of code: the user's, on which results depend as on the data, and all that Beam's workers run."""

import hashlib
from pathlib import Path
from typing import Final

import modules
import tfx_pipeline

CODE: Final = "code"
"""What a run's ``workers_code_digest`` is called where its workers are told of it."""


def modules_digest() -> str:
    """SHA-256, in hex, of the Python files in ``modules/`` and their names: edited code runs, whatever is cached."""
    return _digest(Path(modules.__file__).parent)


def workers_code_digest() -> str:
    """SHA-256, in hex, of the Python files in ``modules/`` and ``tfx_pipeline/``, which a run and its workers share."""
    folders = (Path(modules.__file__).parent, Path(tfx_pipeline.__file__).parent)
    return hashlib.sha256("".join(map(_digest, folders)).encode()).hexdigest()


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
