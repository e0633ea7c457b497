"""The digest of the user's code, on which the results of Transform and the trainer depend as on the data."""

import hashlib
from pathlib import Path

import modules


def modules_digest() -> str:
    """SHA-256, in hex, of the Python files in ``modules/`` and their names: edited code runs, whatever is cached."""
    root = Path(modules.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
