"""Copies the newest pushed model, against which the evaluator compares the new one, into an artifact."""

import logging
from typing import Final

from tfx_pipeline.serving.place import serving_place
from tfx_pipeline.serving.versions import model_dir
from tfx_pipeline.steps.artifact import Artifact

logger = logging.getLogger(__name__)

VERSION_PROPERTY: Final = "version"
"""Custom property of the baseline: the version it was pushed as; absent when there is no baseline."""

NOTE_PROPERTY: Final = "note"
"""Custom property of an artifact without a model: why there is none, for a person."""


def locate_baseline(baseline: Artifact, serving_dir: str) -> None:
    """Copies the newest pushed model; leaves the artifact empty when nothing was pushed yet.

    Args:
        baseline: Receives the model, and the properties ``version`` and ``source_uri``; or ``note``.
        serving_dir: The serving place: a path, or a URL with s3://, gs:// or minio://.

    Raises:
        UserError: It cannot be read.
    """
    with serving_place(serving_dir) as place:
        version = place.newest()
        if version is None:
            note = f"no model was pushed to {serving_dir} yet: there is no baseline"
            logger.info(note)
            baseline.set_string_custom_property(NOTE_PROPERTY, note)
            return
        place.fetch(version, model_dir(baseline.uri))
    baseline.set_int_custom_property(VERSION_PROPERTY, version)
    baseline.set_string_custom_property("source_uri", place.uri(version))
    logger.info("the baseline is version %d", version)
