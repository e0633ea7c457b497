"""Ties each artifact to its files: what was changed, damaged or moved since it was written is not reused, nor read."""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import Artifact, artifact_utils

from tfx_pipeline.record.damage import Input, damaged

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


@contextlib.contextmanager
def reuse_unchanged(root: Path) -> Iterator[list[str]]:
    """Has TFX's cache take only what is still as it was written, in this output directory.

    TFX asks ``verify_artifacts`` of what it is about to reuse, and looks further where that raises a RuntimeError; so
    the cost does not grow with what earlier runs left.

    Args:
        root: Where this output directory has its artifacts; one that was moved or copied still names other places.

    Yields:
        What is wrong with each artifact that is not taken.
    """
    problems: list[str] = []

    def verify(outputs: Mapping[str, Sequence[Artifact]]) -> None:
        for artifact in itertools.chain(*outputs.values()):
            if problem := _problem(artifact, root):
                problems.append(f"{artifact.uri} is {problem}")
                raise RuntimeError(problem)
        before(outputs)

    before = artifact_utils.verify_artifacts
    artifact_utils.verify_artifacts = verify
    try:
        yield problems
    finally:
        artifact_utils.verify_artifacts = before


def _problem(artifact: Artifact, root: Path) -> str:
    if not Path(artifact.uri).is_relative_to(root):
        return "another directory's"
    noted = artifact.get_string_custom_property(PROPERTY)
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
