"""schema-import: turns the curated schema of the repository into an artifact."""

import hashlib
from pathlib import Path
from typing import Final

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema

SCHEMA_FILE: Final = Path(__file__).parents[1] / "schema" / "schema.pbtxt"


def schema_digest() -> str:
    """SHA-256 of the curated schema, in hex: an edited schema is a new input, so nothing stale is reused."""
    return hashlib.sha256(SCHEMA_FILE.read_bytes()).hexdigest()


@component
def SchemaImport(  # noqa: N802 - TFX names function components like classes
    schema: OutputArtifact[Schema],
    digest: Parameter[str],
) -> None:
    """Copies the curated schema that lies beside this code.

    TFX's ``ImportSchemaGen`` has the file's path as its only cache key, and so misses an edit of the file.

    Args:
        schema: Receives ``schema.pbtxt``.
        digest: ``schema_digest()`` when the pipeline was made.

    Raises:
        ValueError: The schema here is not the one that the pipeline was made with.
    """
    if schema_digest() != digest:
        raise ValueError(f"{SCHEMA_FILE.name}: this is not the schema that the pipeline was made with; make it anew")
    Path(schema.uri, SCHEMA_FILE.name).write_bytes(SCHEMA_FILE.read_bytes())
