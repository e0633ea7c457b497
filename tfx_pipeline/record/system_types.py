"""The artifact types that the Kubeflow page shows; TFX brings none of them."""

from typing import Final

from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact


class _TextArtifact(ValueArtifact):
    """Text in a file at the artifact's URI, where the page reads it."""

    def encode(self, value: str) -> bytes:
        """Makes the file's content."""
        return value.encode()

    def decode(self, serialized_value: bytes) -> str:
        """Reads the file's content."""
        return serialized_value.decode()


class HTML(_TextArtifact):
    """A page in one file."""

    TYPE_NAME = "system.HTML"


class Markdown(_TextArtifact):
    """Markdown in one file."""

    TYPE_NAME = "system.Markdown"


class Metrics(Artifact):
    """Scalars, as custom properties."""

    TYPE_NAME = "system.Metrics"


class ClassificationMetrics(Artifact):
    """A confusion matrix and a ROC curve, as custom properties."""

    TYPE_NAME = "system.ClassificationMetrics"


SYSTEM_ARTIFACTS: Final = (HTML, Markdown, Metrics, ClassificationMetrics)
"""All of them, for a runner that must find the class of a type's name."""
