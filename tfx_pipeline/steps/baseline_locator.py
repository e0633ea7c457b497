"""Copies the pushed model against which the evaluator compares the new one into an artifact."""

import logging
from typing import Final

from tfx_pipeline.config.sections import ServingConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.place import ServingPlace, serving_place
from tfx_pipeline.serving.saved_model import problem_of
from tfx_pipeline.serving.versions import SAVED_MODEL, model_dir
from tfx_pipeline.steps.artifact import Artifact

logger = logging.getLogger(__name__)

VERSION_PROPERTY: Final = "version"
"""Custom property of the baseline: the version it was pushed as; absent when there is no baseline."""

URI_PROPERTY: Final = "source_uri"
"""Custom property of the baseline: the version's path or URL; absent when there is no baseline."""

NOTE_PROPERTY: Final = "note"
"""Custom property of an artifact without a model: why there is none, for a person."""

CHOICE_PROPERTY: Final = "choice"
"""Custom property of the baseline: ``none`` or a version where a user asked for that; else absent."""


def locate_baseline(baseline: Artifact, serving_dir: str, baseline_version: str = "newest") -> None:
    """Copies a pushed model; leaves the artifact empty when nothing was pushed yet, or nothing is to be compared with.

    Args:
        baseline: Receives the model, and the properties ``version`` and ``source_uri``, or ``note``; and ``choice``.
        serving_dir: The serving place: a path, or a URL with s3://, gs:// or minio://.
        baseline_version: ``newest``, ``none`` or the number of a version.

    Raises:
        UserError: It cannot be read, the version is not there, or it is no model of this pipeline's.
    """
    choice = ServingConfig.checked({"baseline": baseline_version}).baseline
    if choice != "newest":
        baseline.set_string_custom_property(CHOICE_PROPERTY, choice)
    with serving_place(serving_dir) as place:
        version = None if choice == "none" else _find(place, choice, serving_dir)
        if version is None:
            note = f"no model was pushed to {serving_dir} yet: there is no baseline"
            if choice == "none":
                note = "there is no baseline, as --baseline none asks"
            logger.info(note)
            baseline.set_string_custom_property(NOTE_PROPERTY, note)
            return
        _check(place, version)
        place.fetch(version, model_dir(baseline.uri))
    baseline.set_int_custom_property(VERSION_PROPERTY, version)
    baseline.set_string_custom_property(URI_PROPERTY, place.uri(version))
    logger.info("the baseline is version %d", version)


def version_of(baseline: Artifact) -> int | None:
    """The version that a located baseline was pushed as; None where there is no baseline."""
    uri = baseline.get_string_custom_property(URI_PROPERTY)
    # Kubeflow keeps numbers as floats, which round long ones, such as nanoseconds since 1970.
    return int(uri.rpartition("/")[2]) if uri else baseline.get_int_custom_property(VERSION_PROPERTY) or None


def unfit(uri: str, problem: str, fitting: str = "") -> UserError:
    """The error that a version cannot be the baseline.

    Args:
        uri: The version's path or URL.
        problem: What is wrong with it.
        fitting: Another version, followed by "or"; "" where none is known.
    """
    return UserError(
        f"{uri}: no model of this pipeline's to compare with: {problem}; move it away, or give --baseline "
        f"{fitting}none (on Kubeflow the run parameter baseline)"
    )


def _find(place: ServingPlace, choice: str, serving_dir: str) -> int | None:
    if choice == "newest":
        return place.newest()
    versions = place.versions()
    if int(choice) not in versions:
        found = f"there are {', '.join(map(str, versions))}" if versions else "there is none yet"
        raise UserError(f"{serving_dir}: has no version {choice} to compare with; {found}")
    return int(choice)


def _check(place: ServingPlace, version: int) -> None:
    """Refuses a version that is no model of this pipeline's, and names one that is."""
    problem = _problem(place, version)
    if problem:
        others = (other for other in reversed(place.versions()) if other != version)
        fitting = next((f"{other} or " for other in others if not _problem(place, other)), "")
        raise unfit(place.uri(version), problem, fitting)


def _problem(place: ServingPlace, version: int) -> str | None:
    return problem_of(place.sizes(version), place.read(version, SAVED_MODEL))
