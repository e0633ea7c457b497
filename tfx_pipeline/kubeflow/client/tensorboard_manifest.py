"""The Kubernetes manifest of a Kubeflow TensorBoard that reads the reviews of runs on Kubeflow."""

from typing import Any, Final

import yaml

from modules.dataset import DATASET
from tfx_pipeline.process.errors import UserError

SCHEMES: Final = ("s3://", "minio://", "gs://", "pvc://")
DEFAULT_NAMESPACE: Final = "kubeflow-user-example-com"
"""The profile that Kubeflow makes for its first user."""

LABEL: Final = f"{DATASET.name}-object-store"
"""Ties the TensorBoard's pod to the PodDefault that gives it access to the object store."""


def tensorboard_manifest(
    logs: str,
    *,
    name: str = DATASET.name,
    namespace: str = DEFAULT_NAMESPACE,
    endpoint: str = "seaweedfs.kubeflow:9000",
    secret: str = "mlpipeline-minio-artifact",  # noqa: S107 - the name of a Secret
    secure: bool = False,
) -> str:
    """Writes the manifest.

    Kubeflow's controller starts a TensorBoard for an object of the kind ``Tensorboard``, and copies its labels to the
    pod (kubeflow/kubeflow, components/tensorboard-controller, since 1.7). It knows no credentials of an S3 store:
    they come through a ``PodDefault`` that selects the label.

    Args:
        logs: Where the events are: ``s3://bucket/folder`` or ``minio://...``, which is the same, ``gs://...``, or
            ``pvc://claim/folder``. The folder may hold one run or many.
        name: The TensorBoard's name.
        namespace: The profile's namespace.
        endpoint: Host and port of the S3-compatible store, without a scheme; unused for gs:// and pvc://.
        secret: Secret with the keys ``accesskey`` and ``secretkey``; unused for gs:// and pvc://.
        secure: Whether the store speaks https.

    Returns:
        YAML for ``kubectl apply -f -``: one document, or two where the store is an S3-compatible one.

    Raises:
        UserError: The location is of another kind.
    """
    if not logs.startswith(SCHEMES):
        raise UserError(f"{logs}: no place that TensorBoard reads from, expected one of {', '.join(SCHEMES)}")
    path = logs.replace("minio://", "s3://", 1)
    labels = {LABEL: "true"} if path.startswith("s3://") else {}
    documents = [_tensorboard(path, name, namespace, labels)]
    if labels:
        documents.insert(0, _pod_default(namespace, _environment(endpoint, secret, secure=secure)))
    return str(yaml.safe_dump_all(documents, sort_keys=False))


def _tensorboard(path: str, name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "tensorboard.kubeflow.org/v1alpha1",
        "kind": "Tensorboard",
        "metadata": {"name": name, "namespace": namespace} | ({"labels": labels} if labels else {}),
        "spec": {"logspath": path},
    }


def _pod_default(namespace: str, environment: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "kubeflow.org/v1alpha1",
        "kind": "PodDefault",
        "metadata": {"name": LABEL, "namespace": namespace},
        "spec": {
            "desc": "Access to the object store for TensorBoard",
            "selector": {"matchLabels": {LABEL: "true"}},
            "env": environment,
        },
    }


def _environment(endpoint: str, secret: str, *, secure: bool) -> list[dict[str, Any]]:
    """What TensorFlow's S3 file system reads; ``S3_ENDPOINT`` has no scheme."""
    values = {"S3_ENDPOINT": endpoint, "S3_USE_HTTPS": str(int(secure)), "S3_VERIFY_SSL": str(int(secure))}
    keys = {"AWS_ACCESS_KEY_ID": "accesskey", "AWS_SECRET_ACCESS_KEY": "secretkey"}
    return [
        *({"name": name, "value": value} for name, value in (values | {"AWS_REGION": "us-east-1"}).items()),
        *({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for name, key in keys.items()),
    ]
