"""Ties each artifact to its files: what was changed, damaged or moved since it was written is not reused, nor read."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import Artifact

from tfx_pipeline.components.damage import Input, damaged

PROPERTY: Final = "files"
"""Custom property of every artifact in the output directory's ML Metadata."""


def files_of(uri: str) -> str:
    """The sizes, in bytes, and times of change, in nanoseconds, of an artifact's files by their names, as JSON.

    They stand for their content, as they do for make, and cost next to nothing whatever the size of the data.
    """
    root, found = Path(uri), {}
    for path in [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file()):
        status = path.stat()
        found[str(path.relative_to(root))] = [status.st_size, status.st_mtime_ns]
    return json.dumps(found)


def record(store: MetadataStore, execution: int) -> None:
    """Notes the files of everything that an execution wrote."""
    events = store.get_events_by_execution_ids([execution])
    written = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    artifacts = store.get_artifacts_by_id(written)
    for artifact in artifacts:
        artifact.custom_properties[PROPERTY].string_value = files_of(artifact.uri)
    store.put_artifacts(artifacts)


def withdraw_changed(store: MetadataStore, component: str, root: Path) -> Iterator[str]:
    """Withdraws what a component wrote in earlier runs and what is no longer as it was, so that TFX does not reuse it.

    Args:
        store: ML Metadata.
        component: The name of the component's context, with the pipeline's.
        root: Where this output directory has its artifacts; one that was moved or copied still names other places.

    Yields:
        What is wrong with each artifact.
    """
    context = store.get_context_by_type_and_name("node", component)
    for artifact in store.get_artifacts_by_context(context.id) if context else ():
        # The files of what was withdrawn before are not looked at again.
        problem = _problem(artifact, root) if artifact.state == metadata_store_pb2.Artifact.LIVE else ""
        if problem:
            artifact.state = metadata_store_pb2.Artifact.DELETED
            store.put_artifacts([artifact])
            yield f"{artifact.uri} is {problem}"


def _problem(artifact: metadata_store_pb2.Artifact, root: Path) -> str:
    if not Path(artifact.uri).is_relative_to(root):
        return "another directory's"
    properties = artifact.custom_properties  # a look-up would add the property, without a value, where it is missing
    noted = properties[PROPERTY].string_value if PROPERTY in properties else ""
    return "" if noted == files_of(artifact.uri) else "not what was written there"


def require_unchanged(inputs: Sequence[tuple[Input, Artifact]]) -> None:
    """Refuses what an earlier component of this run wrote, or what it reused, and what has changed since.

    Args:
        inputs: What the next component reads.

    Raises:
        UserError: A file is gone, new, or not what was written.
    """
    for given, artifact in inputs:
        noted, now = artifact.get_string_custom_property(PROPERTY), files_of(artifact.uri)
        if noted and noted != now:
            before, after = json.loads(noted), json.loads(now)
            name = min(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            what = "is gone" if name not in after else "was added" if name not in before else "was changed"
            raise damaged(given, given.path / name, what)
