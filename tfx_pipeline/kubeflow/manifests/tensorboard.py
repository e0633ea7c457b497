"""A TensorBoard on Kubernetes for the reviews of runs, in the image of the steps."""

import hashlib
import re
from typing import Any, Final

from modules.dataset import DATASET
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.config.kubernetes_values import is_name
from tfx_pipeline.kubeflow.manifests.pod import (
    Manifest,
    as_yaml,
    checked_namespace,
    object_name,
    pod_template,
    without_empty,
)
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import TENSORBOARD

COMMAND: Final = ("python3", "-m", "tfx_pipeline.kubeflow.tensorboard")
PORT: Final = 6006
CLAIM: Final = "pvc://"
CLAIM_MOUNT: Final = "/logs"
VIEWER_ACCOUNT: Final = "default-editor"
"""The service account that Kubeflow makes in each profile, and that its page gives a TensorBoard."""


def tensorboard_manifest(logs: str, config: KubeflowConfig, namespace: str = "") -> str:
    """Writes the manifest of a pod that fetches the events and serves them, and of its service.

    Both are named after the data set and the location, so that the same location gives the same name, and another one
    a TensorBoard beside it.

    Args:
        logs: Where the events are: ``minio://bucket/folder``, ``s3://...``, ``gs://...``, or ``pvc://claim/folder``.
            The folder may hold one run or many.
        config: Image, environment, Secrets and all else that the steps have, too.
        namespace: Where they go; by default where a stand-alone Kubeflow is.

    Returns:
        YAML of two documents for ``kubectl apply -f -``, after a comment that says how to open the TensorBoard.

    Raises:
        UserError: The location is of another kind.
    """
    logs = logs.rstrip("/")
    logdir, settings = _source(logs, settings_of(TENSORBOARD.name, config))
    digest = hashlib.sha256(logs.encode()).hexdigest()[:8]
    name = f"{object_name(TENSORBOARD.name, DATASET.name)}-{digest}"
    namespace = checked_namespace(namespace)
    labels = {"app.kubernetes.io/name": TENSORBOARD.name, "app.kubernetes.io/instance": name}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    documents = (_pod(logdir, settings, metadata, config.service_account), _service(metadata))
    comment = (
        f"TensorBoard of {logs}",
        f"to open it: kubectl -n {namespace} port-forward service/{name} {PORT}, then http://localhost:{PORT}",
        f"to end it: kubectl -n {namespace} delete pod,service {name}",
    )
    return as_yaml(documents, comment)


def viewer(config: KubeflowConfig) -> dict[str, Any]:
    """What Kubeflow's page needs for its button "Start Tensorboard", but for the address of the events.

    The page's controller names the container and replaces image and arguments; the command stays.
    """
    settings = _without_claims(settings_of(TENSORBOARD.name, config))
    account = config.service_account or VIEWER_ACCOUNT
    return {
        "type": "tensorboard",
        "image": settings.image,
        "pod_template_spec": pod_template(TENSORBOARD.name, settings, {"command": list(COMMAND)}, account),
    }


def _source(logs: str, settings: StepSettings) -> tuple[str, StepSettings]:
    """The log directory in the pod, and the settings with the claim that it is in, if it is in one."""
    scheme, _, path = logs.partition("://")
    place, _, folder = path.partition("/")
    settings = _without_claims(settings)
    if scheme != "minio":
        settings = _without_store(settings)
    if object_store.handles(logs) and re.fullmatch(r"[A-Za-z0-9][-\w.]*", place) and logs.isprintable():
        return logs, settings
    if not logs.startswith(CLAIM) or not is_name(place) or not logs.isprintable():
        kinds = "minio://BUCKET/FOLDER, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or pvc://CLAIM/FOLDER"
        raise UserError(f"--tensorboard-manifest {logs}: TensorBoard cannot read from there, expected {kinds}")
    return f"{CLAIM_MOUNT}/{folder}".rstrip("/"), settings.model_copy(update={"pvc_mounts": {CLAIM_MOUNT: place}})


def _without_claims(settings: StepSettings) -> StepSettings:
    """The steps' own claims would keep it on their node."""
    return settings.model_copy(update={"pvc_mounts": {}})


def _without_store(settings: StepSettings) -> StepSettings:
    """Without the way to the store that minio:// means."""
    kept = {
        name: {key: value for key, value in getattr(settings, name).items() if not key.startswith("MINIO_")}
        for name in ("env", "secret_env")
    }
    return settings.model_copy(update=kept)


def _pod(logdir: str, settings: StepSettings, metadata: Manifest, service_account: str | None) -> Manifest:
    container = {
        "command": list(COMMAND),
        "args": [f"--logdir={logdir}", f"--port={PORT}", "--bind_all"],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    template = pod_template(TENSORBOARD.name, settings, container, service_account)
    own = template["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "labels": {**own.get("labels", {}), **metadata["labels"]},
            **without_empty({"annotations": own.get("annotations")}),
        },
        "spec": template["spec"],
    }


def _service(metadata: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": metadata["labels"], "ports": [{"name": "http", "port": PORT, "targetPort": "http"}]},
    }
