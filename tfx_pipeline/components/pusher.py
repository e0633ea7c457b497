"""pusher: publishes a blessed model to the serving directory, whole or not at all."""

import logging
import shutil
from pathlib import Path
from typing import Any, Final

from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import (
    Artifact,
    BaseChannel,
    artifact_utils,
    channel_utils,
    component_spec,
    standard_artifacts,
    standard_component_specs,
)

from tfx_pipeline import serving

logger = logging.getLogger(__name__)

SERVING_DIR_KEY: Final = "serving_dir"
MODEL_KEY: Final = standard_component_specs.MODEL_KEY
BLESSING_KEY: Final = standard_component_specs.MODEL_BLESSING_KEY
PUSHED_MODEL_KEY: Final = standard_component_specs.PUSHED_MODEL_KEY


class PusherSpec(component_spec.ComponentSpec):
    """Pusher's contract, with a destination that Kubeflow can ask for on its "Create run" page."""

    PARAMETERS = {SERVING_DIR_KEY: component_spec.ExecutionParameter(type=str)}  # noqa: RUF012 - TFX's form
    INPUTS = {  # noqa: RUF012
        MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {PUSHED_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}  # noqa: RUF012


class Executor(tfx_executor.Executor):
    """Pushes in one rename where TFX's own executor copies in place, and pushes no model twice in a row."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed.

        Args:
            input_dict: ``model`` and ``model_blessing``.
            output_dict: ``pushed_model``, which receives a copy for a next component, and the version's path and number.
            exec_properties: ``serving_dir``.

        Raises:
            OSError: The serving directory cannot be written.
        """
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            logger.info("the model is not blessed and not pushed")
            self._MarkNotPushed(pushed)
            return
        version = _push_once(Path(self.GetModelPath(input_dict)), Path(exec_properties[SERVING_DIR_KEY]))
        shutil.copytree(version, pushed.uri, dirs_exist_ok=True)
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)


def _push_once(model_dir: Path, serving_dir: Path) -> Path:
    newest = serving.newest(serving_dir)
    if newest is not None and serving.same_model(model_dir, serving_dir / str(newest)):
        logger.info("this model is version %d already", newest)
        return serving_dir / str(newest)
    version = serving.push(model_dir, serving_dir)
    logger.info("pushed %s", version)
    return version


class Pusher(base_component.BaseComponent):
    """TFX's Pusher with an atomic executor, and the serving directory as a parameter of its own."""

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, *, model: BaseChannel, model_blessing: BaseChannel, serving_dir: Any) -> None:
        """Makes a pusher.

        Args:
            model: The model to push.
            model_blessing: The evaluator's verdict on it.
            serving_dir: Where to push it: a path, or a runtime parameter.
        """
        pushed = channel_utils.as_channel([standard_artifacts.PushedModel()])
        super().__init__(
            PusherSpec(model=model, model_blessing=model_blessing, serving_dir=serving_dir, pushed_model=pushed)
        )
