"""pusher: publishes a blessed model to the serving directory, whole or not at all."""

import logging
import shutil
from pathlib import Path
from typing import Any

from tfx.components.pusher import component as tfx_pusher
from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import Artifact, artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from tfx_pipeline import serving

logger = logging.getLogger(__name__)


def destination(serving_dir: str) -> pusher_pb2.PushDestination:
    """A push destination in the file system."""
    return pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir)
    )


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
            exec_properties: ``push_destination``, the JSON of a ``PushDestination`` in the file system.

        Raises:
            OSError: The serving directory cannot be written.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            logger.info("the model is not blessed and not pushed")
            self._MarkNotPushed(pushed)
            return
        config = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], config)
        version = _push_once(Path(self.GetModelPath(input_dict)), Path(config.filesystem.base_directory))
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


class Pusher(tfx_pusher.Pusher):
    """TFX's Pusher with an atomic executor."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
