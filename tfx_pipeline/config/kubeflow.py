"""The configuration of the package for Kubeflow Pipelines: what Kubernetes is asked for, for all steps or for one."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from modules.dataset import DATASET
from tfx_pipeline.config.git_remote import check_ref, check_url
from tfx_pipeline.config.kubernetes_values import (
    Endpoint,
    EnvName,
    FlinkVersion,
    Image,
    LabelName,
    LabelValue,
    MountPath,
    Name,
    Quantity,
    ResourceName,
    SecretKey,
    SecretName,
    Size,
    Toleration,
)
from tfx_pipeline.config.section import Section, setting
from tfx_pipeline.process.object_store import check_place
from tfx_pipeline.process.redaction import without_credentials

GREATEST: Final = 2**31 - 1
"""Of a user's number and of a deadline's seconds, as Kubernetes checks them."""

_YEAR: Final = 365 * 24 * 60 * 60


class StepSettings(Section):
    """What Kubernetes is asked for: for all steps, or for one by its id."""

    image: Image = setting(
        flag=True,
        default=f"tfx-{DATASET.name}:0.1.0",
        description="container image of the steps; Kubeflow's cache takes the same name for the same content, so give "
        "each build a tag of its own, or a digest",
    )
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = setting(
        default="IfNotPresent", description="when a node fetches the image: IfNotPresent, Always or Never"
    )
    image_pull_secrets: list[Name] = setting(default=[], description="Secrets with the login of a private registry")
    cpu_request: Quantity | None = setting(
        default=None, description="cores that a node must have free, such as 500m or 2; has a default for each step"
    )
    cpu_limit: Quantity | None = setting(
        default=None, description="cores that a step may use; has a default for each step"
    )
    memory_request: Quantity | None = setting(
        default=None, description="memory that a node must have free, such as 2Gi; has a default for each step"
    )
    memory_limit: Quantity | None = setting(
        default=None, description="memory above which a step is killed; has a default for each step"
    )
    gpus: int = setting(
        flag=True,
        default=0,
        ge=0,
        le=1_000,
        description="GPUs; as a setting for all steps it is the trainer's and the tuner's alone",
    )
    gpu_type: ResourceName = setting(default="nvidia.com/gpu", description="the GPU's name as a resource of Kubernetes")
    node_selector: dict[LabelName, LabelValue] = setting(
        default={}, description="LABEL=VALUE that a node must have; can be repeated"
    )
    tolerations: list[Toleration] = setting(
        default=[],
        description="taint that is tolerated: KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT; can be repeated",
    )
    pvc_mounts: dict[MountPath, Name] = setting(
        default={}, description="PATH=CLAIM: an existing PersistentVolumeClaim; can be repeated"
    )
    secret_files: dict[MountPath, SecretName] = setting(
        default={},
        description="PATH=SECRET: a Secret's keys as files; with ? at the end, a pod starts without it too; can be "
        "repeated",
    )
    secret_env: dict[EnvName, SecretKey] = setting(
        default={},
        description="VARIABLE=SECRET/KEY: a Secret's key as an environment variable; with ? at the end, a pod starts "
        "without it too; can be repeated",
    )
    env: dict[EnvName, str] = setting(
        default={}, description="VARIABLE=VALUE: an environment variable; can be repeated"
    )
    labels: dict[LabelName, LabelValue] = setting(
        default={}, description="NAME=VALUE: a label of the pods; can be repeated"
    )
    annotations: dict[LabelName, str] = setting(
        default={}, description="NAME=VALUE: an annotation of the pods; can be repeated"
    )
    shared_memory: Size | None = setting(
        default=None, description="size of /dev/shm, such as 2Gi; it counts as the step's memory"
    )
    active_deadline: int = setting(
        default=0, ge=0, le=GREATEST, description="seconds after which a step is stopped; 0: never"
    )
    retries: int = setting(
        default=2, ge=0, le=100, description="how often a step is tried again, in its pod and by the server"
    )
    retry_backoff: int = setting(default=30, ge=0, le=_YEAR, description="seconds before the first retry")
    retry_backoff_factor: int = setting(
        default=2, ge=1, le=1_000, description="by which the wait grows with each retry; Argo takes whole numbers alone"
    )
    retry_window: int = setting(
        default=604_800,
        ge=0,
        le=_YEAR,
        description="seconds from the start of the first attempt, with its wait for a node and an image, in which the "
        "server tries again; an attempt that still runs then is ended",
    )
    run_as_user: int | None = setting(
        default=None, ge=0, le=GREATEST, description="numeric user, if not the image's; 0, root, is allowed to start"
    )
    run_as_group: int | None = setting(default=None, ge=0, le=GREATEST, description="numeric group, if not the image's")
    run_as_non_root: bool = setting(
        default=True, description="have Kubernetes refuse to start a step as root, unless run_as_user is 0"
    )
    workspace: bool = setting(default=False, description="mount the run's workspace volume at /kfp-workspace")
    cache: bool = setting(flag=True, default=True, description="reuse what an earlier run computed from the same input")


def _serving_place(place: str | None) -> str | None:
    if place and ".." in place.split("/"):
        raise ValueError("expected a place without .., which may lead out of the volume that is mounted there")
    return place if place is None else without_credentials(check_place(place))


class KubeflowConfig(StepSettings):
    """The package for Kubeflow Pipelines; its own values, and those of the steps."""

    pods: Literal["component", "stage"] = setting(
        default="stage",
        description="what has a pod of its own: each component, or each stage of neighbours (data, trainer, judgement)",
    )
    serving_pvc: Name | None = setting(
        flag=True,
        default=None,
        description="existing PersistentVolumeClaim for pushed models, mounted at /serving",
    )
    serving_dir: Annotated[str | None, AfterValidator(_serving_place)] = setting(
        flag=True,
        default=None,
        description="where models are pushed and the baseline is found: a path in a mounted volume, s3://, gs:// or "
        "minio://; /serving with --serving-pvc, else a folder in Kubeflow's own object store",
    )
    data_pvc: Name | None = setting(
        flag=True,
        default=None,
        description="existing PersistentVolumeClaim with IDX files, mounted at /data for example-gen",
    )
    beam_pvc: Name | None = setting(
        flag=True,
        default=None,
        description="existing PersistentVolumeClaim, ReadWriteMany, that the steps with Beam and Beam's remote workers "
        "mount at kubeflow.beam_mount",
    )
    beam_mount: MountPath = setting(
        default="/beam", description="where steps and Beam's workers mount --beam-pvc; the same path for both"
    )
    minio_endpoint: Endpoint = setting(
        default="http://seaweedfs.kubeflow:9000",
        description="the object store that minio:// means",
    )
    minio_secret: Name = setting(
        default="mlpipeline-minio-artifact", description="Secret with accesskey and secretkey for minio://"
    )
    service_account: Name | None = setting(
        default=None,
        description="service account of the pods, for --run; a package cannot hold one",
    )
    kserve_version: int | None = setting(
        default=None,
        ge=1,
        le=2**63 - 1,
        description="pushed version for --kserve-manifest; without it, the newest at each start",
    )
    kserve_canary: int | None = setting(
        default=None, ge=0, le=100, description="percent of the requests that the newest revision in KServe answers"
    )
    kserve_runtime_version: str = setting(
        default="2.20.0",
        pattern=r"^\w[\w.-]{0,127}$",
        description="version of TensorFlow Serving for --kserve-manifest, a tag of its image; KServe's own default is "
        "older than the models",
    )
    flink_version: FlinkVersion = setting(
        default="1.19",
        description="version of Flink for --flink-manifest; another needs flink_job_server_image too",
    )
    flink_image: Image | None = setting(
        default=None, description="image of Flink for --flink-manifest, if not the official one of flink_version"
    )
    flink_job_server_image: Image | None = setting(
        default=None,
        description="image of Beam's job server for --flink-manifest, if not the official one for Flink 1.19",
    )
    flink_task_managers: int = setting(
        default=2, ge=1, le=1_000, description="pods that Beam's steps are spread over by --flink-manifest"
    )
    flink_slots: int = setting(
        default=2, ge=1, le=100, description="parts of a step that each of them works on at a time"
    )
    workspace_size: Size | None = setting(
        default=None, description="size of a volume that the steps of a run share, such as 3Gi; deleted with the run"
    )
    workspace_access_mode: Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"] = setting(
        default="ReadWriteOnce", description="how it can be mounted: ReadWriteOnce, ReadWriteMany or ReadWriteOncePod"
    )
    workspace_storage_class: Name | None = setting(
        default=None, description="its storage class, if not the cluster's own"
    )
    repo_url: Annotated[str, AfterValidator(check_url)] | None = setting(
        flag=True,
        default=None,
        description="Git repository whose package modules the steps import instead of the image's: "
        "ssh://git@HOST/PATH, git@HOST:PATH or https://HOST/PATH",
    )
    repo_ref: Annotated[str, AfterValidator(check_ref)] = setting(
        flag=True, default="HEAD", description="its branch, tag or commit; HEAD is its default branch"
    )
    repo_ssh_secret: Name = setting(
        default="ssh-key-secret",
        description="Secret for SSH: the private key as id_rsa or ssh-privatekey, and known_hosts",
    )
    repo_token_secret: Name | None = setting(
        default=None, description="Secret for https: token or password, and if need be username and ca.crt"
    )
    notify_secret: Name | None = setting(
        flag=True,
        default=None,
        description="Secret with the address of a webhook as url: how a run ended is posted to it",
    )
    steps: dict[str, StepSettings] = setting(
        default={}, description="ID.SETTING=VALUE: a setting for one step; can be repeated"
    )
