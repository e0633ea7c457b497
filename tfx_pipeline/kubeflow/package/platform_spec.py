"""The second document of the package: what Kubernetes is asked for beyond container and resources."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as pb
from kfp.pipeline_spec import pipeline_spec_pb2

from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings


def platform_document(
    config: KubeflowConfig, settings: Mapping[str, StepSettings], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Makes the document, in the form of a ``PlatformSpec``, from the settings and executor label of each step."""
    executors = {
        labels[step]: json_format.MessageToDict(executor_config(of_step)) for step, of_step in settings.items()
    }
    kubernetes: dict[str, Any] = {"deploymentSpec": {"executors": executors}}
    if config.workspace_size:
        kubernetes["pipelineConfig"] = {"workspace": _workspace(config)}
    return {"platforms": {"kubernetes": kubernetes}}


def executor_config(settings: StepSettings) -> pb.KubernetesExecutorConfig:
    """Translates the settings of a step into kfp-kubernetes' message.

    The fields ``enabled_shared_memory`` and ``pod_affinity`` exist, but the backend ignores them: shared memory is an
    emptyDir in memory, and a node selector says where pods run.
    """
    result = pb.KubernetesExecutorConfig(
        image_pull_policy=settings.image_pull_policy,
        image_pull_secret=[
            pb.ImagePullSecret(secret_name_parameter=_constant(name)) for name in settings.image_pull_secrets
        ],
        pvc_mount=[
            pb.PvcMount(pvc_name_parameter=_constant(claim), mount_path=path)
            for path, claim in sorted(settings.pvc_mounts.items())
        ],
        secret_as_volume=[_secret_volume(path, secret) for path, secret in sorted(settings.secret_files.items())],
        secret_as_env=[_secret_env(variable, source) for variable, source in sorted(settings.secret_env.items())],
        tolerations=[_toleration(text) for text in settings.tolerations],
        active_deadline_seconds=settings.active_deadline,
    )
    if settings.node_selector:
        result.node_selector.labels.update(settings.node_selector)
    if settings.labels or settings.annotations:
        result.pod_metadata.labels.update(settings.labels)
        result.pod_metadata.annotations.update(settings.annotations)
    if settings.shared_memory:
        result.empty_dir_mounts.add(
            volume_name="dshm",
            mount_path="/dev/shm",  # noqa: S108
            medium="Memory",
            size_limit=settings.shared_memory,
        )
    _add_security_context(result, settings)
    return result


def _constant(name: str) -> Any:
    result = pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec()
    result.runtime_value.constant.string_value = name
    return result


def _secret_volume(path: str, source: str) -> pb.SecretAsVolume:
    result = pb.SecretAsVolume(secret_name_parameter=_constant(source.removesuffix("?")), mount_path=path)
    if source.endswith("?"):
        result.optional = True
    return result


def _secret_env(variable: str, source: str) -> pb.SecretAsEnv:
    name, _, key = source.removesuffix("?").partition("/")
    result = pb.SecretAsEnv(
        secret_name_parameter=_constant(name),
        key_to_env=[pb.SecretAsEnv.SecretKeyToEnvMap(secret_key=key, env_var=variable)],
    )
    if source.endswith("?"):
        result.optional = True
    return result


def _toleration(text: str) -> pb.Toleration:
    taint, _, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    return pb.Toleration(key=key, operator="Equal" if equals else "Exists", value=value, effect=effect)


def _add_security_context(result: pb.KubernetesExecutorConfig, settings: StepSettings) -> None:
    if settings.run_as_user is not None:
        result.security_context.run_as_user = settings.run_as_user
    if settings.run_as_group is not None:
        result.security_context.run_as_group = settings.run_as_group
    if settings.run_as_non_root and settings.run_as_user != 0:
        result.security_context.run_as_non_root = True


def _workspace(config: KubeflowConfig) -> dict[str, Any]:
    # Without access modes of its own, the claim would need an API server that is set up with defaults.
    patch: dict[str, Any] = {"accessModes": [config.workspace_access_mode]}
    if config.workspace_storage_class:
        patch["storageClassName"] = config.workspace_storage_class
    return {"size": config.workspace_size, "kubernetes": {"pvcSpecPatch": patch}}
