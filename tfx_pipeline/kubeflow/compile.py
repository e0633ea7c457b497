"""Makes the package out of the configuration."""

from pathlib import Path

from tfx_pipeline.components.source_checkout import SourceSettings
from tfx_pipeline.config import Config
from tfx_pipeline.config_kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.parameters import runtime_parameter
from tfx_pipeline.kubeflow.runner import KubeflowDagRunner, Package, write
from tfx_pipeline.kubeflow.steps import DATA_MOUNT, serving_uri
from tfx_pipeline.pipeline import create_pipeline


def compile_package(config: Config) -> Package:
    """Compiles the pipeline with the configured values as defaults of its run parameters.

    Args:
        config: Every value in force.

    Returns:
        The package.

    Raises:
        UserError: The backend would reject it.
    """
    if config.kubeflow.data_pvc and config.data.dir is None:
        data = config.data.model_copy(update={"source": "idx", "dir": DATA_MOUNT})
        config = config.model_copy(update={"data": data})
    pipeline = create_pipeline(
        config,
        # Kubeflow gives each run its own root; a package has no place for one.
        pipeline_root="",
        serving_dir=serving_uri(config.kubeflow),
        parameter=runtime_parameter,
        source=_source(config.kubeflow),
    )
    return KubeflowDagRunner(config.kubeflow).run(pipeline)


def _source(config: KubeflowConfig) -> SourceSettings | None:
    if config.repo_url is None:
        return None
    return SourceSettings(config.repo_url, config.repo_ref, config.repo_ssh_secret, config.repo_token_secret or "")


def write_package(config: Config, path: Path) -> Package:
    """Compiles the pipeline and writes the package.

    Args:
        config: Every value in force.
        path: The file, ``.yaml``.

    Returns:
        The package.

    Raises:
        UserError: The backend would reject the package, or the file cannot be written.
    """
    package = compile_package(config)
    write(package, path)
    return package
