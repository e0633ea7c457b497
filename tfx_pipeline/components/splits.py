"""The files of a split."""

from collections.abc import Sequence

from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils


def split_files(examples: Sequence[Artifact], split: str) -> list[str]:
    """Lists the files of a split in the order of their names; unlike a glob, wherever the artifact lies."""
    uri = artifact_utils.get_split_uri(list(examples), split)
    return [f"{uri}/{name}" for name in sorted(fileio.listdir(uri))]
