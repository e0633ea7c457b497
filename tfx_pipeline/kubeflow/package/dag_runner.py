"""KubeflowDagRunner: compiles the pipeline into a package that stock open-source Kubeflow Pipelines runs."""

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner
from tfx.orchestration.pipeline import Pipeline

from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.entrypoint import COMMAND
from tfx_pipeline.kubeflow.package.exit_step import with_exit_handler, with_notifier
from tfx_pipeline.kubeflow.package.pipeline_spec import complete, with_viewer_output
from tfx_pipeline.kubeflow.package.pipeline_spec_checks import check_spec, refuse
from tfx_pipeline.kubeflow.package.platform_spec import platform_document
from tfx_pipeline.kubeflow.package.platform_spec_checks import check_platform
from tfx_pipeline.kubeflow.package.run_parameters import parameters_of, with_defaults
from tfx_pipeline.kubeflow.package.stage_settings import stage_settings
from tfx_pipeline.kubeflow.package.stages import with_stages
from tfx_pipeline.kubeflow.step import tensorboard_viewer
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.kubeflow.tensorboard_pod import viewer
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import BEAM_WORKER, EVALUATION_REVIEW, TENSORBOARD, stages_of


class Package(NamedTuple):
    """The two documents of a package."""

    spec: dict[str, Any]
    platform: dict[str, Any]


class KubeflowDagRunner:
    """Compiles the pipeline that LocalDagRunner runs.

    TFX's own runner does not compile for the open-source backend: what it leaves out is added to its output.
    """

    def __init__(self, config: KubeflowConfig) -> None:
        """Makes a runner; the configuration says what Kubernetes is asked for."""
        self._config = config

    def run(self, pipeline: Pipeline) -> Package:
        """Compiles a pipeline whose run parameters are made by ``runtime_parameter``.

        Raises:
            UserError: The settings name a step that the pipeline does not have.
        """
        spec, secret = self._compile(pipeline), self._config.notify_secret
        if secret:
            spec = with_notifier(spec, secret)
        steps = list(spec["root"]["dag"]["tasks"])
        for unknown in sorted(self._config.steps.keys() - {*steps, BEAM_WORKER.name, TENSORBOARD.name}):
            raise UserError(f"step {unknown}: has settings but is no step, expected one of {', '.join(sorted(steps))}")
        settings = {step: settings_of(step, self._config) for step in steps}
        events = settings[EVALUATION_REVIEW.name]
        variable = {tensorboard_viewer.VARIABLE: json.dumps(viewer(self._config), separators=(",", ":"))}
        settings[EVALUATION_REVIEW.name] = events.model_copy(update={"env": {**events.env, **variable}})
        spec = with_viewer_output(with_defaults(spec, parameters_of(pipeline.components)))
        if self._config.pods == "stage":
            stages = stages_of(steps)
            spec = with_stages(spec, stages)
            settings |= {
                stage: stage_settings(stage, {member: settings.pop(member) for member in members}, self._config)
                for stage, members in stages.items()
            }
        labels = {step: spec["components"][step]["executorLabel"] for step in settings}
        completed = complete(spec, settings)
        if secret:
            completed = with_exit_handler(completed)
        return Package(completed, platform_document(self._config, settings, labels))

    def _compile(self, pipeline: Pipeline) -> dict[str, Any]:
        runner_config = tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=self._config.image, default_commands=list(COMMAND), use_pipeline_spec_2_1=True
        )
        job = tfx_runner.KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
        spec: dict[str, Any] = job["pipelineSpec"]
        return spec


def write(package: Package, path: Path) -> None:
    """Checks a package and writes it as one YAML file of two documents.

    Args:
        package: The package.
        path: The file, ``.yaml``; one that is there already is replaced.

    Raises:
        UserError: The backend would reject the package, or the file cannot be written.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"{path}: Kubeflow takes a package by its ending, expected .yaml")
    text = yaml.safe_dump_all(package, sort_keys=True)
    # What is checked is what a server will read.
    check(Package(*yaml.safe_load_all(text)))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; give another --output") from error


def check(package: Package) -> None:
    """Raises a ``UserError`` with task and reason where the backend would reject a package."""
    refuse(itertools.chain(check_spec(package.spec), check_platform(package.platform, package.spec)))
