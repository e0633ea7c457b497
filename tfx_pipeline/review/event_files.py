"""The names of an artifact's event files, as a property of it: through Kubeflow's page only single objects come.

Its page makes an archive of a folder where the store says that there is no such key; SeaweedFS 4.34, which Kubeflow
Pipelines 2.17 brings, says instead that the folder is there and empty.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tfx.types import Artifact

FILES_PROPERTY: Final = "files"


def note_files(artifact: "Artifact") -> None:
    """Notes which files lie in an artifact's local folder."""
    folder = Path(artifact.uri)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    artifact.set_string_custom_property(FILES_PROPERTY, json.dumps(names))


def noted_files(properties: Mapping[str, Any]) -> list[str]:
    """The names; none where an artifact of an older package has no such property."""
    names: list[str] = json.loads(properties.get(FILES_PROPERTY) or "[]")
    return names
