"""Seals what a run on this machine writes, and reuses only what is as it was sealed, in its own output directory."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import Artifact, artifact_utils

from tfx_pipeline.record import seal


def seal_outputs(store: MetadataStore, execution: int, step: str) -> None:
    """Seals everything that an execution of a step wrote."""
    events = store.get_events_by_execution_ids([execution])
    written = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    artifacts = store.get_artifacts_by_id(written)
    for artifact in artifacts:
        artifact.custom_properties[seal.PROPERTY].string_value = seal.sealed(step, artifact.uri)
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
    noted = artifact.get_string_custom_property(seal.PROPERTY)
    whole = noted and not seal.damage(seal.Input(Path(artifact.uri), noted))
    return "" if whole else "not what was written there"
