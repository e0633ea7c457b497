"""Everything that a data set has on a cluster is named after it, so that two data sets share nothing."""

import os
from pathlib import Path

from tests.small_run import ROOT, runs

NAMES = """
import yaml, kubeflow_runner
from tfx_pipeline.config.flags import ArgumentParser
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.manifests.tensorboard import tensorboard_manifest
from tfx_pipeline.kubeflow.step_settings import serving_uri
from tfx_pipeline.pipeline import PIPELINE_NAME
parser = ArgumentParser()
kubeflow_runner._add_client_flags(parser)
pod, service = yaml.safe_load_all(tensorboard_manifest("s3://logs", KubeflowConfig()))
print(PIPELINE_NAME, parser.get_default("output"), KubeflowConfig().image, serving_uri(KubeflowConfig()))
print(pod["metadata"]["name"], service["metadata"]["name"])
"""


def names(modules: Path, tmp_path: Path) -> list[str]:
    """What is named after the data set of a `modules`, whose parent folder is given."""
    environment = {**os.environ, "PYTHONPATH": f"{modules}{os.pathsep}{ROOT}"}
    (tmp_path / "names.py").write_text(NAMES)
    process = runs().start_program(str(tmp_path / "names.py"), folder=modules, environment=environment)
    assert process.wait() == 0, process.console
    return process.console.split()


def test_fashion_mnist_keeps_the_names_that_it_had(tmp_path: Path) -> None:
    assert names(ROOT, tmp_path) == [
        "fashion-mnist",
        "fashion_mnist_pipeline.yaml",
        "tfx-fashion-mnist:0.1.0",
        "minio://mlpipeline/shared/fashion-mnist/serving",
        *("tensorboard-fashion-mnist-58f69bed", "tensorboard-fashion-mnist-58f69bed"),
    ]


def test_another_data_set_has_names_of_its_own(tmp_path: Path) -> None:
    for path in (ROOT / "modules").rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text().replace('name="fashion-mnist"', 'name="digits-8x8"'))
    assert names(tmp_path, tmp_path) == [
        "digits-8x8",
        "digits_8x8_pipeline.yaml",
        "tfx-digits-8x8:0.1.0",
        "minio://mlpipeline/shared/digits-8x8/serving",
        *("tensorboard-digits-8x8-58f69bed", "tensorboard-digits-8x8-58f69bed"),
    ]
