"""schema-import: turns the curated schema of the repository into an artifact."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema

from tfx_pipeline.steps.schema_import import import_schema


@component
def SchemaImport(  # noqa: N802 - TFX names function components like classes
    schema: OutputArtifact[Schema],
    digest: Parameter[str],
) -> None:
    """Writes the curated schema that lies beside this code; see ``import_schema``.

    TFX's ``ImportSchemaGen`` has the file's path as its only cache key, and so misses an edit of the file.
    """
    import_schema(schema, digest)
