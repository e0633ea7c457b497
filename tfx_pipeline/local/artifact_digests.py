"""Ties each artifact to its files: what was changed, damaged or moved since it was written is not reused."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

PROPERTY: Final = "files_digest"
"""Custom property of every artifact in the output directory's ML Metadata."""


def files_digest(uri: str) -> str:
    """SHA-256, in hex, of the names, sizes and times of change of an artifact's files.

    It stands for their content, as it does for make, and costs next to nothing whatever the size of the data.
    """
    root, digest = Path(uri), hashlib.sha256()
    for path in [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(root)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def record(store: MetadataStore, execution: int) -> None:
    """Notes the files of everything that an execution wrote."""
    events = store.get_events_by_execution_ids([execution])
    written = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    artifacts = store.get_artifacts_by_id(written)
    for artifact in artifacts:
        artifact.custom_properties[PROPERTY].string_value = files_digest(artifact.uri)
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
    return "" if noted == files_digest(artifact.uri) else "not what was written there"
