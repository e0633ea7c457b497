"""A TensorBoard on Kubernetes for the reviews of runs, in the image of the steps."""

import hashlib
import re
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.config.kubernetes_values import is_name
from tfx_pipeline.kubeflow.manifests.render import as_yaml, rendered
from tfx_pipeline.kubeflow.pod import checked_namespace, object_name, pod_template
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.kubeflow.tensorboard_pod import COMMAND, without_claims
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import TENSORBOARD

PORT: Final = 6006
CLAIM: Final = "pvc://"
CLAIM_MOUNT: Final = "/logs"


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
    container = {
        "command": list(COMMAND),
        "args": [f"--logdir={logdir}", f"--port={PORT}", "--bind_all"],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    documents = rendered(
        "tensorboard.yaml",
        metadata=metadata,
        pod_labels={**settings.labels, **labels},
        annotations=settings.annotations or None,
        spec=pod_template(TENSORBOARD.name, settings, container, config.service_account)["spec"],
        port=PORT,
    )
    comment = (
        f"TensorBoard of {logs}",
        f"to open it: kubectl -n {namespace} port-forward service/{name} {PORT}, then http://localhost:{PORT}",
        f"to end it: kubectl -n {namespace} delete pod,service {name}",
    )
    return as_yaml(documents, comment)


def _source(logs: str, settings: StepSettings) -> tuple[str, StepSettings]:
    """The log directory in the pod, and the settings with the claim that it is in, if it is in one."""
    scheme, _, path = logs.partition("://")
    place, _, folder = path.partition("/")
    settings = without_claims(settings)
    if scheme != "minio":
        settings = _without_store(settings)
    if object_store.handles(logs) and re.fullmatch(r"[A-Za-z0-9][-\w.]*", place) and logs.isprintable():
        return logs, settings
    if not logs.startswith(CLAIM) or not is_name(place) or not logs.isprintable():
        kinds = "minio://BUCKET/FOLDER, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or pvc://CLAIM/FOLDER"
        raise UserError(f"--tensorboard-manifest {logs}: TensorBoard cannot read from there, expected {kinds}")
    return f"{CLAIM_MOUNT}/{folder}".rstrip("/"), settings.model_copy(update={"pvc_mounts": {CLAIM_MOUNT: place}})


def _without_store(settings: StepSettings) -> StepSettings:
    """Without the way to the store that minio:// means."""
    kept = {
        name: {key: value for key, value in getattr(settings, name).items() if not key.startswith("MINIO_")}
        for name in ("env", "secret_env")
    }
    return settings.model_copy(update=kept)
