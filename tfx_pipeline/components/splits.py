"""The files of an artifact's splits."""

from collections.abc import Iterable

from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils


def split_files(examples: Artifact, splits: Iterable[str]) -> list[tuple[str, str]]:
    """Lists (split, path) of every file, in the order of the names; no path is taken for a pattern."""
    uris = {split: artifact_utils.get_split_uri([examples], split) for split in splits}
    return [(split, f"{uri}/{name}") for split, uri in uris.items() for name in sorted(fileio.listdir(uri))]
