"""Publishes a blessed model to the serving place, whole or not at all."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tfx_pipeline.config.sections import ServingConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.place import ServingPlace, serving_place
from tfx_pipeline.serving.saved_model import is_ours
from tfx_pipeline.serving.versions import MODEL_CARD, SAVED_MODEL, model_dir
from tfx_pipeline.steps.artifact import Artifact
from tfx_pipeline.steps.baseline_locator import CHOICE_PROPERTY, NOTE_PROPERTY, version_of

logger = logging.getLogger(__name__)

NOT_PUSHED: Final = "the model is not blessed and not pushed"


def push_model(
    model: Artifact,
    model_blessing: Artifact,
    pushed_model: Artifact,
    serving_dir: str,
    evaluation: Artifact | None = None,
    baseline_model: Artifact | None = None,
    keep_versions: int | None = None,
) -> None:
    """Pushes the model with its card if it is blessed, and no model twice in a row; then deletes our old versions.

    The properties are those of TFX's own Pusher.

    Args:
        model: What the trainer exported.
        model_blessing: The evaluator's verdict, in the property ``blessed``.
        pushed_model: Receives a copy for a next component, and the properties ``pushed``, ``pushed_destination`` and
            ``pushed_version``; or ``note``.
        serving_dir: The serving place: a path, or a URL with s3://, gs:// or minio://.
        evaluation: Holds the model's card; without one, the model is pushed without.
        baseline_model: What this run compared the model with; its version is not deleted.
        keep_versions: How many versions of this pipeline's to keep; None keeps all.

    Raises:
        UserError: ``keep_versions`` is not what the configuration allows, the serving place cannot be written, or
            another model was pushed there since this one was compared with the newest.
    """
    keep = None if keep_versions is None else ServingConfig.checked({"keep_versions": keep_versions}).keep_versions
    if model_blessing.get_int_custom_property("blessed") != 1:
        logger.info(NOT_PUSHED)
        pushed_model.set_string_custom_property(NOTE_PROPERTY, NOT_PUSHED)
        pushed_model.set_int_custom_property("pushed", 0)
        return
    with _with_card(model_dir(model.uri), evaluation) as directory:
        with serving_place(serving_dir) as place:
            version = _push_once(directory, place, baseline_model)
            destination = place.uri(version)
            if keep is not None:
                _prune(place, keep, (version_of(baseline_model) or 0) if baseline_model else 0)
        shutil.copytree(directory, pushed_model.uri, dirs_exist_ok=True)
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_string_custom_property("pushed_destination", destination)
    pushed_model.set_string_custom_property("pushed_version", str(version))


@contextmanager
def _with_card(trained: Path, evaluation: Artifact | None) -> Iterator[Path]:
    """Lays the card beside the model before the push, so that a version has both or does not exist."""
    card = Path(evaluation.uri, MODEL_CARD) if evaluation else None
    if card is None or not card.is_file():
        logger.warning("the evaluator left no model card: the model is pushed without one")
        yield trained
        return
    with TemporaryDirectory() as name:
        # A folder in it has the model's permissions, while the temporary one is closed to everybody else.
        both = Path(shutil.copytree(trained, Path(name, "model")))
        shutil.copyfile(card, both / MODEL_CARD)
        yield both


def _push_once(model: Path, place: ServingPlace, baseline: Artifact | None) -> int:
    newest = place.newest()
    if newest is not None and place.holds(newest, model):
        logger.info("this model is version %d already", newest)
        return newest
    version = place.push(model, lambda: _require_compared(place, baseline))
    logger.info("pushed %s", place.uri(version))
    return version


def _require_compared(place: ServingPlace, baseline: Artifact | None) -> None:
    """Refuses to push beside a model that came while this run trained: nobody has compared the two."""
    if baseline is None or baseline.get_string_custom_property(CHOICE_PROPERTY):
        return
    newest, compared = place.newest(), version_of(baseline)
    if newest != compared:
        raise UserError(
            f"the newest version in the serving place is {newest or 'none'} by now, and this model was compared with "
            f"{compared or 'none'}: it is not pushed; run again, and it is compared with that one"
        )


def _prune(place: ServingPlace, keep: int, baseline: int) -> None:
    def ours(version: int) -> bool:
        try:
            return is_ours(place.sizes(version), place.read(version, SAVED_MODEL))
        except FileNotFoundError:  # another pusher deletes it
            return False

    for version in place.prune(keep, baseline, ours):
        logger.warning("deleted %s: keep_versions is %d", place.uri(version), keep)
