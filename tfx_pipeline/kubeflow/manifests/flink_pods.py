"""The pods of a Flink session cluster for Beam's steps, whoever makes them: their containers, volumes and settings.

The JobManager has Beam's job server beside it, and each TaskManager a pool of Beam's Python workers in the image of the
steps: there the steps' own code runs.
"""

import dataclasses
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.manifests.pod import Manifest, container, object_name, placement, volumes, without_empty
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import BEAM_WORKER

JOB_MANAGER: Final = "jobmanager"
TASK_MANAGER: Final = "taskmanager"
MAIN: Final = "flink-main-container"
"""The operator finds Flink's own container in a pod by this name."""

REST_PORT: Final = 8081
JOB_SERVER_PORTS: Final = {"job": 8099, "artifact": 8098, "expansion": 8097}
WORKER_POOL: Final = "tfx_pipeline.beam.worker_pool"
WORKER_PORT: Final = 50000
"""Of the workers in each TaskManager's pod; where a TaskManager looks for them by default."""

JOB_SERVERS: Final = {"1.19": "apache/beam_flink1.19_job_server:2.62.0"}
"""Beam's by Flink's version, as far as it was tried; it takes the jobs of a newer SDK, too."""

USER: Final = 9999
"""The user and group of Flink in its official image."""

CPU: Final = 0.25
CPU_LIMIT: Final = 2
JOB_MANAGER_MIB: Final = 1600
JOB_SERVER_MIB: Final = 1024
TASK_MANAGER_MIB: Final = 4096

OPTIONS: Final = {
    # The evaluator's graph is wide, hundreds of exchanges at once: with Flink's usual memory there are too few network
    # buffers for it, and with 512 of them for each writer, as Flink sorts what is exchanged, even more of it would be.
    "taskmanager.memory.network.min": "1g",
    "taskmanager.memory.network.max": "1g",
    "taskmanager.network.sort-shuffle.min-parallelism": "1000",
    # Nor does a busy TaskManager take all of its parts in the usual 10 s.
    "pekko.ask.timeout": "60 s",
    "taskmanager.memory.managed.size": "512m",
    # What Beam hands to the workers and gets back is outside of the heap, and each job loads its classes anew.
    "taskmanager.memory.task.off-heap.size": "512m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
    # The page takes no programs; the job server's come all the same.
    "web.submit.enable": "false",
}

LOGGING: Final = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = ConsoleAppender
appender.console.name = ConsoleAppender
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
"""
"""log4j's settings, without the files of Flink's own: the root file system is read only."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster to be: its names, and the settings of its containers.

    Attributes:
        config: The configuration of the package.
        namespace: Where it is to be, and the pipeline's pods with it.
    """

    config: KubeflowConfig
    namespace: str

    @property
    def name(self) -> str:
        """Of the cluster and its objects; the operator takes at most 45 characters."""
        return object_name("flink", DATASET.name)[:40].rstrip("-")

    @property
    def service(self) -> str:
        """Name of the service that the steps send their jobs to."""
        return f"{self.name}-jobs"

    @property
    def address(self) -> str:
        """Host of that service."""
        return f"{self.service}.{self.namespace}"

    @property
    def worker(self) -> StepSettings:
        """Settings of Beam's workers; where pods run is said there for all of them."""
        return settings_of(BEAM_WORKER.name, self.config)

    @property
    def options(self) -> dict[str, str]:
        """Flink's configuration, but for the sizes of its processes and their addresses."""
        return {"taskmanager.numberOfTaskSlots": str(self.config.flink_slots), **OPTIONS}

    def selector(self, component: str) -> dict[str, str]:
        """Labels of a component's pods: those that the operator gives them."""
        return {"app": self.name, "component": component}

    def flink(self, mib: int) -> StepSettings:
        """Settings of a container of Flink's own image."""
        return self._java(self.config.flink_image or f"flink:{self.config.flink_version}", mib)

    def job_server(self) -> StepSettings:
        """Settings of the job server's container.

        Raises:
            UserError: No image is known for the version of Flink, and none is given.
        """
        version = self.config.flink_version
        image = self.config.flink_job_server_image or JOB_SERVERS.get(version)
        if image is None:
            raise UserError(
                f"kubeflow.flink_version {version}: not every release of Beam has a job server for it; name one with "
                f"--set kubeflow.flink_job_server_image=apache/beam_flink{version}_job_server:TAG"
            )
        return self._java(image, JOB_SERVER_MIB)

    def _java(self, image: str, mib: int) -> StepSettings:
        return StepSettings(
            image=image,
            image_pull_policy=self.worker.image_pull_policy,
            cpu_request=str(CPU),
            cpu_limit=str(CPU_LIMIT),
            memory_request=f"{mib}Mi",
            memory_limit=f"{mib}Mi",
            run_as_user=USER,
            run_as_group=USER,
        )


def main_container(settings: StepSettings, own: Manifest, mounts: dict[str, str]) -> Manifest:
    """Flink's own container.

    Args:
        settings: Those of ``Cluster.flink``.
        own: What they do not say.
        mounts: Volumes by the paths of their mounts.
    """
    return _read_only(container(MAIN, settings, own), {"/tmp": "flink-tmp", **mounts})  # noqa: S108 - in a pod


def job_manager_pod(cluster: Cluster, main: Manifest, mounted: list[Manifest]) -> Manifest:
    """The template of the JobManager's pod.

    Args:
        cluster: Whose it is.
        main: Flink's own container, or what the operator leaves to the template of it.
        mounted: The volumes that it mounts, but for ``/tmp``.
    """
    arguments = [
        f"--flink-master=localhost:{REST_PORT}",
        # Its own address, and the one that it tells the steps for the files of a job: it does not listen at another's.
        "--job-host=$(POD_IP)",
        *(f"--{name}-port={port}" for name, port in JOB_SERVER_PORTS.items()),
    ]
    own = {
        "args": arguments,
        "ports": [{"name": name, "containerPort": port} for name, port in JOB_SERVER_PORTS.items()],
        "readinessProbe": {"tcpSocket": {"port": "job"}},
    }
    made = container("job-server", cluster.job_server(), own)
    made["env"] = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    return _pod(cluster, JOB_MANAGER, [main, _read_only(made, {"/tmp": "beam-tmp"})], mounted)  # noqa: S108


def task_manager_pod(cluster: Cluster, main: Manifest, mounted: list[Manifest]) -> Manifest:
    """The template of a TaskManager's pod; the arguments are those of ``job_manager_pod``."""
    # At the pod's own loopback address: the TaskManager beside it is the only one that asks for workers.
    own = {"command": ["python3", "-m", WORKER_POOL], "args": [f"127.0.0.1:{WORKER_PORT}"]}
    worker = _read_only(container(BEAM_WORKER.name, cluster.worker, own), {"/tmp": "beam-tmp"})  # noqa: S108
    claims = volumes(cluster.worker, written={cluster.config.beam_pvc})
    return _pod(cluster, TASK_MANAGER, [main, worker], [*mounted, *claims])


def _read_only(made: Manifest, mounts: dict[str, str]) -> Manifest:
    """A container that can write to its volumes alone."""
    more = [{"name": name, "mountPath": path} for path, name in mounts.items()]
    return {
        **made,
        "securityContext": {**made["securityContext"], "readOnlyRootFilesystem": True},
        "volumeMounts": [*made.get("volumeMounts", []), *more],
    }


def _pod(cluster: Cluster, component: str, containers: list[Manifest], mounted: list[Manifest]) -> Manifest:
    worker = cluster.worker
    scratch: list[Manifest] = [{"name": name, "emptyDir": {}} for name in ("flink-tmp", "beam-tmp")]
    spec = {
        **placement(worker),
        # Neither Flink nor a step asks Kubernetes for anything.
        "automountServiceAccountToken": False,
        # The image's group: a claim is written by the steps and by the workers.
        "securityContext": {"fsGroup": worker.run_as_group or 0, "fsGroupChangePolicy": "OnRootMismatch"},
        "containers": containers,
        "volumes": [*mounted, *scratch],
    }
    # A service mesh would stand between Flink's ports, and what it adds to a pod needs more than the standard allows.
    labels = {**worker.labels, "sidecar.istio.io/inject": "false", **cluster.selector(component)}
    metadata = without_empty({"labels": labels, "annotations": dict(worker.annotations)})
    return {"metadata": metadata, "spec": without_empty(spec)}
