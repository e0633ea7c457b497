"""The manifest of a Kubeflow TensorBoard."""

import subprocess
import sys

import pytest
import yaml

from tests.small_run import ROOT
from tfx_pipeline.kubeflow.client.tensorboard_manifest import tensorboard_manifest
from tfx_pipeline.process.errors import UserError


def documents(logs: str, **options: object) -> list[dict]:
    """The manifest's documents."""
    return list(yaml.safe_load_all(tensorboard_manifest(logs, **options)))


def test_a_claim_needs_no_credentials() -> None:
    (tensorboard,) = documents("pvc://logs/fashion-mnist", name="mine", namespace="team")
    assert tensorboard["kind"] == "Tensorboard"
    assert tensorboard["metadata"] == {"name": "mine", "namespace": "team"}
    assert tensorboard["spec"] == {"logspath": "pvc://logs/fashion-mnist"}


def test_kubeflows_own_store_is_read_through_s3_with_its_secret() -> None:
    default, tensorboard = documents("minio://mlpipeline/v2/artifacts/fashion-mnist")
    assert tensorboard["spec"]["logspath"] == "s3://mlpipeline/v2/artifacts/fashion-mnist"
    assert default["spec"]["selector"]["matchLabels"] == tensorboard["metadata"]["labels"]
    environment = {entry["name"]: entry for entry in default["spec"]["env"]}
    assert environment["S3_ENDPOINT"]["value"] == "seaweedfs.kubeflow:9000"
    assert environment["S3_USE_HTTPS"]["value"] == "0"
    reference = environment["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "mlpipeline-minio-artifact", "key": "secretkey"}


def test_google_cloud_storage_has_credentials_of_its_own() -> None:
    (tensorboard,) = documents("gs://bucket/logs")
    assert "labels" not in tensorboard["metadata"]


def test_a_local_path_is_refused_naming_what_is_expected() -> None:
    with pytest.raises(
        UserError, match=r"^output/tensorboard: no place that TensorBoard reads from, expected one of s3"
    ):
        tensorboard_manifest("output/tensorboard")


def test_kubeflow_runner_prints_it_for_the_store_of_the_configuration() -> None:
    flags = [
        "--tensorboard-manifest",
        "minio://logs",
        "--namespace",
        "me",
        "--set",
        "kubeflow.minio_endpoint=https://store:443",
    ]
    command = [sys.executable, "kubeflow_runner.py", *flags]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pod_default, tensorboard = yaml.safe_load_all(printed)
    environment = {item["name"]: item.get("value") for item in pod_default["spec"]["env"]}
    assert (environment["S3_ENDPOINT"], environment["S3_USE_HTTPS"]) == ("store:443", "1")
    assert (tensorboard["metadata"]["namespace"], tensorboard["spec"]["logspath"]) == ("me", "s3://logs")
