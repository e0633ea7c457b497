"""KubeflowDagRunner: compiles the pipeline into a package that stock open-source Kubeflow Pipelines runs."""

import logging
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner
from tfx.orchestration.pipeline import Pipeline

from tfx_pipeline.config_kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.package import complete
from tfx_pipeline.kubeflow.parameters import parameters_of, with_defaults
from tfx_pipeline.kubeflow.platform import platform_document
from tfx_pipeline.kubeflow.steps import settings_of
from tfx_pipeline.pipeline import UNCACHED

COMMAND: Final = ("python3", "-m", "tfx_pipeline.kubeflow.entrypoint", "--kfp_compat", "kfp.dsl.executor_main")
"""The command of every container; ``kfp.local`` only runs commands that mention the SDK's own executor."""


class Package(NamedTuple):
    """The two documents of a package."""

    spec: dict[str, Any]
    platform: dict[str, Any]


class KubeflowDagRunner:
    """Compiles the pipeline that LocalDagRunner runs.

    TFX's own runner does not compile for the open-source backend: what it leaves out is added to its output.
    """

    def __init__(self, config: KubeflowConfig) -> None:
        """Makes a runner.

        Args:
            config: What Kubernetes is asked for.
        """
        self._config = config

    def run(self, pipeline: Pipeline) -> Package:
        """Compiles a pipeline.

        Args:
            pipeline: The pipeline; its run parameters are made by ``runtime_parameter``.

        Returns:
            The package.
        """
        spec = self._compile(pipeline)
        steps = list(spec["root"]["dag"]["tasks"])
        settings = {step: settings_of(step, self._config, UNCACHED) for step in steps}
        labels = {step: spec["components"][step]["executorLabel"] for step in steps}
        completed = complete(with_defaults(spec, parameters_of(pipeline.components)), settings)
        return Package(completed, platform_document(self._config, settings, labels))

    def _compile(self, pipeline: Pipeline) -> dict[str, Any]:
        runner_config = tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=self._config.image, default_commands=list(COMMAND), use_pipeline_spec_2_1=True
        )
        job = tfx_runner.KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
        spec: dict[str, Any] = job["pipelineSpec"]
        return spec


def write(package: Package, path: Path) -> None:
    """Writes a package as one YAML file of two documents."""
    path.write_text(yaml.safe_dump_all(package, sort_keys=True), encoding="utf-8")
