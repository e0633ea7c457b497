"""A Flink session cluster for Beam's steps: by the Flink Kubernetes Operator, or of plain Deployments."""

import hashlib
from typing import Any, Final

import yaml

from modules.dataset import DATASET
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.manifests.render import TEMPLATES, as_yaml, rendered
from tfx_pipeline.kubeflow.pod import (
    Manifest,
    amount,
    checked_namespace,
    container,
    object_name,
    placement,
    volumes,
    without_empty,
)
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import BEAM_WORKER

KINDS: Final = ("operator", "plain")
COMPONENTS: Final = ("jobmanager", "taskmanager")
REST_PORT: Final = 8081
JOB_SERVERS: Final = {"1.19": "apache/beam_flink1.19_job_server:2.62.0"}
"""Beam's by Flink's version, as far as it was tried; it takes the jobs of a newer SDK, too."""

CPU: Final = 0.25
CPU_LIMIT: Final = 2
MEBIBYTES: Final = {"jobmanager": 1600, "job_server": 1024, "taskmanager": 4096}
"""Of Flink's containers and of the job server; the workers' memory is that of ``beam-worker``."""

# At the pod's own loopback address: the TaskManager beside it is the only one that asks for workers.
WORKERS: Final[Manifest] = {"command": ["python3", "-m", "tfx_pipeline.beam.worker_pool"], "args": ["127.0.0.1:50000"]}


def flink_manifest(kind: str, config: KubeflowConfig, namespace: str = "") -> str:
    """Writes the manifest.

    Args:
        kind: ``operator`` for a FlinkDeployment, ``plain`` for Deployments, a Service and a ConfigMap in its place.
        config: Image, environment, Secrets, claims and all else that the workers have as the steps have it.
        namespace: Where it goes, and where the pipeline runs; by default where a stand-alone Kubeflow is.

    Returns:
        YAML for ``kubectl apply -f -``, after a comment with the flags of the package, how to look at the cluster and
        how to end it.

    Raises:
        UserError: There is no such kind, the namespace cannot be one, or a newer Flink needs another job server.
    """
    if kind not in KINDS:
        raise UserError(f"--flink-manifest {kind}: expected operator, for the Flink Kubernetes Operator, or plain")
    namespace = checked_namespace(namespace)
    # Of the cluster and its objects; the operator takes at most 45 characters.
    name = object_name("flink", DATASET.name)[:40].rstrip("-")
    labels = {"app.kubernetes.io/name": "flink", "app.kubernetes.io/instance": name}
    values = {
        "plain": kind == "plain",
        "name": name,
        "metadata": lambda own: {"name": own, "namespace": namespace, "labels": labels},
        "selector": {component: {"app": name, "component": component} for component in COMPONENTS},
        **_flink(config, kind, name),
    }
    values["pods"] = _pods(config, values)
    documents = rendered(f"flink-{kind}.yaml", **values) + rendered("flink-network.yaml", **values)
    return as_yaml(documents, _comment(config, name, namespace, labels, documents))


def _flink(config: KubeflowConfig, kind: str, name: str) -> dict[str, Any]:
    """Flink's images, sizes and configuration."""
    version = config.flink_version
    (conf,) = rendered("flink-conf.yaml", kind=kind, name=name, slots=config.flink_slots, memory=MEBIBYTES)
    if kind == "operator":
        factors = {f"kubernetes.{component}.cpu.limit-factor": str(CPU_LIMIT / CPU) for component in COMPONENTS}
        conf |= factors
    return {
        "version": version,
        "flink_image": config.flink_image or f"flink:{version}",
        "job_server_image": config.flink_job_server_image or _job_server(version),
        "pull_policy": settings_of(BEAM_WORKER.name, config).image_pull_policy,
        "service_account": config.service_account or "default",
        "task_managers": config.flink_task_managers,
        "memory": MEBIBYTES,
        "cpu": CPU,
        "cpu_limit": CPU_LIMIT,
        "conf": conf,
        "conf_text": yaml.safe_dump(conf, sort_keys=False),
        "logging": (TEMPLATES / "log4j-console.properties").read_text(encoding="utf-8"),
    }


def _job_server(version: str) -> str:
    if version not in JOB_SERVERS:
        raise UserError(
            f"kubeflow.flink_version {version}: not every release of Beam has a job server for it; name one with "
            f"--set kubeflow.flink_job_server_image=apache/beam_flink{version}_job_server:TAG"
        )
    return JOB_SERVERS[version]


def _pods(config: KubeflowConfig, values: dict[str, Any]) -> Manifest:
    """The pods of both components; where they run is said with the workers' settings for all of them."""
    settings = settings_of(BEAM_WORKER.name, config)
    worker = container(BEAM_WORKER.name, settings, WORKERS)
    worker["securityContext"]["readOnlyRootFilesystem"] = True
    worker["volumeMounts"] = [*worker.get("volumeMounts", []), {"name": "beam-tmp", "mountPath": "/tmp"}]  # noqa: S108
    # A service mesh would stand between Flink's ports, and what it adds to a pod needs more than the standard allows.
    labels = {**settings.labels, "sidecar.istio.io/inject": "false"}
    # Flink reads its configuration at its start alone: where that changes, the pods change.
    digest = hashlib.sha256(f"{values['conf_text']}{values['logging']}".encode()).hexdigest()[:16]
    annotations = {**settings.annotations, **({"checksum/config": digest} if values["plain"] else {})}
    (pods,) = rendered(
        "flink-pods.yaml",
        **values,
        labels={component: {**labels, **own} for component, own in values["selector"].items()},
        annotations=annotations or None,
        placement=without_empty(placement(settings)),
        group=settings.run_as_group or 0,
        worker=worker,
        claims=volumes(settings, written={config.beam_pvc}),
    )
    return pods


def _comment(
    config: KubeflowConfig, name: str, namespace: str, labels: dict[str, str], documents: list[Manifest]
) -> list[str]:
    kinds = dict.fromkeys(document["kind"].lower() for document in documents)
    kubectl, selected = f"kubectl -n {namespace}", ",".join(f"{key}={value}" for key, value in labels.items())
    claim, service = config.beam_pvc, f"{name}-jobs"
    flags = f"--beam-runner flink --flink {service}.{namespace}:{REST_PORT} --beam-pvc {claim or 'NAME'}"
    return [
        "A Flink session cluster for the Beam steps of pipelines in this namespace",
        f"the package's flags: {flags}",
        *(
            []
            if claim
            else ["no claim is mounted: print this with --beam-pvc NAME, or the workers see no step's files"]
        ),
        _asked_for(config),
        f"to see it: {kubectl} port-forward service/{service} {REST_PORT}, then http://localhost:{REST_PORT}",
        f"to end it: {kubectl} delete -l {selected} {','.join(kinds)}",
    ]


def _asked_for(config: KubeflowConfig) -> str:
    """What all of its pods request, which a small node may not have."""
    worker, count = settings_of(BEAM_WORKER.name, config), config.flink_task_managers
    cpu = 2 * CPU + count * (CPU + amount(worker.cpu_request or worker.cpu_limit or "0"))
    mib = MEBIBYTES["jobmanager"] + MEBIBYTES["job_server"] + count * MEBIBYTES["taskmanager"]
    memory = mib / 1024 + count * amount(worker.memory_request or worker.memory_limit or "0") / 2**30
    return (
        f"it requests {cpu:.1f} CPU and {memory:.1f} GiB of memory; for a small node, --set "
        "kubeflow.flink_task_managers=1 and kubeflow.steps.beam-worker.memory_request=512Mi"
    )
