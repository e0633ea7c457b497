"""The files of a SavedModel, for tests that never load it."""

from pathlib import Path


def write_saved_model(directory: Path) -> Path:
    """Writes a graph and weights that are only bytes, and returns the directory."""
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.index").write_bytes(b"weights")
    return directory
