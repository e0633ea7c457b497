"""baseline-locator: finds the newest pushed model, against which the evaluator compares the new one."""

import logging
import shutil
from pathlib import Path
from typing import Final

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model
from tfx.utils import path_utils

from tfx_pipeline import serving

logger = logging.getLogger(__name__)

VERSION_PROPERTY: Final = "version"
"""Custom property of the baseline: the version it was pushed as; absent when there is no baseline."""


@component
def BaselineLocator(  # noqa: N802 - TFX names function components like classes
    baseline: OutputArtifact[Model],
    serving_dir: Parameter[str],
) -> None:
    """Copies the newest pushed model into an artifact; leaves the artifact empty when nothing was pushed yet.

    A Resolver would do the same locally, but open-source Kubeflow Pipelines cannot run one. It is a copy because
    Kubeflow uploads only what lies under the artifact's own URI.

    Args:
        baseline: Receives the model, and the properties ``version`` and ``source_uri``.
        serving_dir: The serving directory.
    """
    version = serving.newest(Path(serving_dir))
    if version is None:
        logger.info("no model was pushed to %s yet: there is no baseline", serving_dir)
        return
    source = Path(serving_dir, str(version))
    shutil.copytree(source, path_utils.serving_model_dir(baseline.uri), dirs_exist_ok=True)
    baseline.set_int_custom_property(VERSION_PROPERTY, version)
    baseline.set_string_custom_property("source_uri", str(source))
    logger.info("the baseline is version %d", version)
