"""The files of an artifact's splits, and how many examples each split has."""

from collections.abc import Iterable, Mapping

from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.examples import COUNT_PROPERTY


def split_files(examples: Artifact, splits: Iterable[str]) -> list[tuple[str, str]]:
    """Lists (split, path) of every file, in the order of the names; no path is taken for a pattern."""
    uris = {split: artifact_utils.get_split_uri([examples], split) for split in splits}
    return [(split, f"{uri}/{name}") for split, uri in uris.items() for name in sorted(fileio.listdir(uri))]


def written_examples(examples: Artifact) -> dict[str, int]:
    """The number of examples that example-gen wrote of each split, as far as it is noted on the artifact."""
    properties = {
        split: COUNT_PROPERTY.format(split) for split in artifact_utils.decode_split_names(examples.split_names)
    }
    return {
        split: examples.get_int_custom_property(name)
        for split, name in properties.items()
        if examples.has_custom_property(name)
    }


def require_all(step: str, examples: Artifact, read: Mapping[str, int]) -> None:
    """Stops a step that read other examples than example-gen wrote: files went missing, or others lie beside them.

    Args:
        step: Which step it is.
        examples: What it read.
        read: The number of examples that it read, by split.

    Raises:
        UserError: A number is not the one that is noted on the artifact.
    """
    written = written_examples(examples)
    for split, count in read.items():
        if count != written.get(split, count):
            raise UserError(
                f"{step}: read {count:,} examples of the split {split}, and {written[split]:,} were "
                f"written to {artifact_utils.get_split_uri([examples], split)}; run again with --no-cache"
            )
