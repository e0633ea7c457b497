"""A Flink session cluster for Beam's steps: by the Flink Kubernetes Operator, or of plain Deployments."""

import hashlib
from collections.abc import Iterable
from typing import Final

import yaml

from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.manifests.flink_pods import (
    CPU,
    CPU_LIMIT,
    JOB_MANAGER,
    JOB_MANAGER_MIB,
    JOB_SERVER_PORTS,
    LOGGING,
    REST_PORT,
    TASK_MANAGER,
    TASK_MANAGER_MIB,
    Cluster,
    job_manager_pod,
    main_container,
    task_manager_pod,
)
from tfx_pipeline.kubeflow.manifests.pod import Manifest, as_yaml, checked_namespace
from tfx_pipeline.process.errors import UserError

KINDS: Final = ("operator", "plain")

SERVICE_PORTS: Final = {"rest": REST_PORT, **JOB_SERVER_PORTS}
"""What a step talks to: it asks Flink for its slots and hands its job to the job server."""

RPC_PORTS: Final = {"rpc": 6123, "blob": 6124}
TASK_MANAGER_PORT: Final = 6122
CONF: Final = "/opt/flink/conf"
CONF_VOLUME: Final = "flink-conf"
LOG_FILE: Final = "log4j-console.properties"

PIPELINE_PODS: Final = {"matchExpressions": [{"key": "pipeline/runid", "operator": "Exists"}]}
"""The pods of runs on Kubeflow."""

OPERATOR: Final = {"app.kubernetes.io/name": "flink-kubernetes-operator"}


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
    cluster = Cluster(config, checked_namespace(namespace))
    by_operator = kind == "operator"
    documents = [_flink_deployment(cluster)] if by_operator else _plain(cluster)
    service = _service(cluster, cluster.service, SERVICE_PORTS)
    policies = _network_policies(cluster, by_operator=by_operator)
    documents += [service, *policies]
    return as_yaml(documents, _comment(cluster, documents))


def _comment(cluster: Cluster, documents: list[Manifest]) -> list[str]:
    kinds = dict.fromkeys(document["kind"].lower() for document in documents)
    kubectl, labels = f"kubectl -n {cluster.namespace}", ",".join(f"{k}={v}" for k, v in _labels(cluster).items())
    claim = cluster.config.beam_pvc
    return [
        "A Flink session cluster for the Beam steps of pipelines in this namespace",
        f"the package's flags: --beam-runner flink --flink {cluster.address}:{REST_PORT} --beam-pvc {claim or 'NAME'}",
        *(
            []
            if claim
            else ["no claim is mounted: print this with --beam-pvc NAME, or the workers see no step's files"]
        ),
        f"to see it: {kubectl} port-forward service/{cluster.service} {REST_PORT}, then http://localhost:{REST_PORT}",
        f"to end it: {kubectl} delete -l {labels} {','.join(kinds)}",
    ]


def _labels(cluster: Cluster) -> dict[str, str]:
    return {"app.kubernetes.io/name": "flink", "app.kubernetes.io/instance": cluster.name}


def _object(api: str, kind: str, cluster: Cluster, name: str) -> Manifest:
    metadata = {"name": name, "namespace": cluster.namespace, "labels": _labels(cluster)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def _flink_deployment(cluster: Cluster) -> Manifest:
    job_manager, task_manager = cluster.flink(JOB_MANAGER_MIB), cluster.flink(TASK_MANAGER_MIB)
    factor = str(CPU_LIMIT / CPU)
    factors = {f"kubernetes.{name}.cpu.limit-factor": factor for name in (JOB_MANAGER, TASK_MANAGER)}
    spec = {
        "image": job_manager.image,
        "imagePullPolicy": job_manager.image_pull_policy,
        "flinkVersion": f"v{cluster.config.flink_version.replace('.', '_')}",
        # In its other mode, Flink itself would need rights in Kubernetes.
        "mode": "standalone",
        "serviceAccount": cluster.config.service_account or "default",
        "flinkConfiguration": {**cluster.options, **factors},
        "logConfiguration": {LOG_FILE: LOGGING},
        "jobManager": {
            "resource": {"cpu": CPU, "memory": f"{JOB_MANAGER_MIB}m"},
            "podTemplate": job_manager_pod(cluster, _of_template(main_container(job_manager, {}, {})), []),
        },
        "taskManager": {
            "replicas": cluster.config.flink_task_managers,
            "resource": {"cpu": CPU, "memory": f"{TASK_MANAGER_MIB}m"},
            "podTemplate": task_manager_pod(cluster, _of_template(main_container(task_manager, {}, {})), []),
        },
    }
    return {**_object("flink.apache.org/v1beta1", "FlinkDeployment", cluster, cluster.name), "spec": spec}


def _of_template(main: Manifest) -> Manifest:
    """What the operator takes from a template: it says the image and the resources itself."""
    return {key: main[key] for key in ("name", "securityContext", "volumeMounts")}


def _plain(cluster: Cluster) -> list[Manifest]:
    mounted = [{"name": CONF_VOLUME, "configMap": {"name": cluster.name}}]
    job_manager = _main(cluster.flink(JOB_MANAGER_MIB), JOB_MANAGER, {"rest": REST_PORT, **RPC_PORTS})
    task_manager = _main(cluster.flink(TASK_MANAGER_MIB), TASK_MANAGER, {"rpc": TASK_MANAGER_PORT})
    configuration = _config_map(cluster)
    return [
        configuration,
        # The TaskManagers need not wait for the job server, which counts for the readiness of this pod.
        _service(cluster, cluster.name, RPC_PORTS, publishNotReadyAddresses=True),
        _deployment(cluster, JOB_MANAGER, 1, job_manager_pod(cluster, job_manager, mounted), configuration),
        _deployment(
            cluster,
            TASK_MANAGER,
            cluster.config.flink_task_managers,
            task_manager_pod(cluster, task_manager, mounted),
            configuration,
        ),
    ]


def _main(settings: StepSettings, component: str, ports: dict[str, int]) -> Manifest:
    own = {
        "args": [component],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "livenessProbe": {"tcpSocket": {"port": "rpc"}, "initialDelaySeconds": 30, "periodSeconds": 60},
    }
    return main_container(settings, own, {CONF: CONF_VOLUME})


def _config_map(cluster: Cluster) -> Manifest:
    options = {
        "jobmanager.rpc.address": cluster.name,
        "jobmanager.rpc.port": RPC_PORTS["rpc"],
        "blob.server.port": RPC_PORTS["blob"],
        "taskmanager.rpc.port": TASK_MANAGER_PORT,
        "jobmanager.memory.process.size": f"{JOB_MANAGER_MIB}m",
        "taskmanager.memory.process.size": f"{TASK_MANAGER_MIB}m",
        **cluster.options,
    }
    data = {"config.yaml": yaml.safe_dump(options, sort_keys=False), LOG_FILE: LOGGING}
    return {**_object("v1", "ConfigMap", cluster, cluster.name), "data": data}


def _deployment(cluster: Cluster, component: str, replicas: int, pod: Manifest, configuration: Manifest) -> Manifest:
    # Flink reads its configuration at its start alone: where that changes, the pods change.
    digest = hashlib.sha256(str(configuration["data"]).encode()).hexdigest()[:16]
    pod["metadata"].setdefault("annotations", {})["checksum/config"] = digest
    spec = {
        "replicas": replicas,
        # Never an old one beside a new one.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": cluster.selector(component)},
        "template": pod,
    }
    return {**_object("apps/v1", "Deployment", cluster, f"{cluster.name}-{component}"), "spec": spec}


def _service(cluster: Cluster, name: str, ports: dict[str, int], **more: bool) -> Manifest:
    """A service of the JobManager's pod."""
    spec = {
        **more,
        "selector": cluster.selector(JOB_MANAGER),
        "ports": [{"name": port, "port": number} for port, number in ports.items()],
    }
    return {**_object("v1", "Service", cluster, name), "spec": spec}


def _network_policies(cluster: Cluster, *, by_operator: bool) -> list[Manifest]:
    """Who may talk to the pods: any other could have its own program run, by Flink's REST API or by the workers."""
    members = {"from": [{"podSelector": {"matchLabels": {"app": cluster.name}}}]}
    steps = {"from": [{"podSelector": PIPELINE_PODS}], "ports": _ports(SERVICE_PORTS.values())}
    anywhere: Manifest = {"namespaceSelector": {}}
    operator = {"from": [{**anywhere, "podSelector": {"matchLabels": OPERATOR}}], "ports": _ports([REST_PORT])}
    rules = {JOB_MANAGER: [members, steps, *([operator] if by_operator else [])], TASK_MANAGER: [members]}
    return [
        {
            **_object("networking.k8s.io/v1", "NetworkPolicy", cluster, f"{cluster.name}-{component}"),
            "spec": {"podSelector": {"matchLabels": cluster.selector(component)}, "ingress": ingress},
        }
        for component, ingress in rules.items()
    ]


def _ports(numbers: Iterable[int]) -> list[Manifest]:
    return [{"port": number} for number in numbers]
