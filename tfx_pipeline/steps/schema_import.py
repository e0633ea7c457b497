"""Writes the curated schema, which lies beside the code, into an artifact."""

import hashlib
from pathlib import Path
from string import Template
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.steps.artifact import Artifact

SCHEMA_FILE: Final = Path(__file__).parents[1] / "config" / "schema.pbtxt"


def schema_text() -> str:
    """The curated schema with the last label of the data set filled in."""
    return Template(SCHEMA_FILE.read_text(encoding="utf-8")).substitute(last_label=DATASET.num_classes - 1)


def schema_digest() -> str:
    """SHA-256 of the schema, in hex: another schema is a new input, so nothing stale is reused."""
    return hashlib.sha256(schema_text().encode()).hexdigest()


def import_schema(schema: Artifact, digest: str) -> None:
    """Writes the curated schema.

    Args:
        schema: Receives ``schema.pbtxt``.
        digest: ``schema_digest()`` when the pipeline was made.

    Raises:
        ValueError: The schema here is not the one that the pipeline was made with.
    """
    if schema_digest() != digest:
        raise ValueError(f"{SCHEMA_FILE.name}: this is not the schema that the pipeline was made with; make it anew")
    Path(schema.uri, SCHEMA_FILE.name).write_text(schema_text(), encoding="utf-8")
