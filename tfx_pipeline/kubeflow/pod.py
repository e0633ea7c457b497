"""A pod as Kubernetes takes it, from the settings that the steps have; it passes Pod Security `restricted`."""

from collections.abc import Collection
from typing import Any, Final

from tfx_pipeline.config.kubeflow import StepSettings
from tfx_pipeline.config.kubernetes_values import is_namespace
from tfx_pipeline.process.errors import UserError

Manifest = dict[str, Any]


DEFAULT_NAMESPACE: Final = "kubeflow"
"""Where a stand-alone Kubeflow Pipelines is, and runs its pods."""

_SUFFIXES: Final = {
    "": 1, "m": 0.001, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def checked_namespace(namespace: str) -> str:
    """The namespace for a manifest: what is given, or where a stand-alone Kubeflow is.

    Raises:
        UserError: It cannot be one.
    """
    if namespace and not is_namespace(namespace):
        raise UserError(f"--namespace {namespace}: expected lower-case letters, digits and hyphens, 63 at most")
    return namespace or DEFAULT_NAMESPACE


def object_name(*parts: str) -> str:
    """Joins parts to a name that a service may have, too: a letter first, and room for what others append."""
    name = "-".join(parts)
    return (name if name[0].isalpha() else f"model-{name}")[:50].rstrip("-")


def pod_template(name: str, settings: StepSettings, own: Manifest, service_account: str | None) -> Manifest:
    """Makes the labels, annotations and spec of a pod with one container.

    Args:
        name: The container's name.
        settings: Image, environment, resources, volumes, user, nodes, labels and annotations.
        own: What the settings do not say of the container, such as the command.
        service_account: The pod's, if not the namespace's own.
    """
    spec = {
        "serviceAccountName": service_account,
        **placement(settings),
        "containers": [container(name, settings, own)],
        "volumes": volumes(settings),
    }
    metadata = without_empty({"labels": dict(settings.labels), "annotations": dict(settings.annotations)})
    return {"metadata": metadata, "spec": without_empty(spec)}


def container(name: str, settings: StepSettings, own: Manifest) -> Manifest:
    """Makes a container of a pod that has the ``volumes`` of the same settings.

    Args:
        name: Its name.
        settings: Image, environment, resources, volumes and user.
        own: What the settings do not say, such as the command.
    """
    fields = {
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        **own,
        "env": environment(settings),
        "resources": _resources(settings),
        "securityContext": _security_context(settings),
        "volumeMounts": [{"name": f"v{i}", "mountPath": path} for i, path in enumerate(_sources(settings))],
    }
    return without_empty(fields)


def volumes(settings: StepSettings, written: Collection[str | None] = ()) -> list[Manifest]:
    """The volumes that ``container`` mounts; nothing is written to a claim but to those of ``written``."""
    return [{"name": f"v{i}", **source} for i, source in enumerate(_sources(settings, written).values())]


def placement(settings: StepSettings) -> Manifest:
    """Where a pod may run, and who may fetch its images."""
    return {
        "imagePullSecrets": [{"name": secret} for secret in settings.image_pull_secrets],
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [_toleration(text) for text in settings.tolerations],
    }


def environment(settings: StepSettings) -> list[Manifest]:
    """The environment variables of a container, those of Secrets included."""
    plain: list[Manifest] = [{"name": name, "value": value} for name, value in sorted(settings.env.items())]
    return plain + [_secret_variable(name, source) for name, source in sorted(settings.secret_env.items())]


def without_empty(fields: Manifest) -> Manifest:
    """Leaves out what says nothing."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _secret_variable(name: str, source: str) -> Manifest:
    secret, _, key = source.removesuffix("?").partition("/")
    reference: Manifest = {"name": secret, "key": key}
    if source.endswith("?"):
        reference["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _sources(settings: StepSettings, written: Collection[str | None] = ()) -> dict[str, Manifest]:
    """The sources of the volumes by the path of the mount."""
    claims = {
        path: {"persistentVolumeClaim": {"claimName": claim} | ({} if claim in written else {"readOnly": True})}
        for path, claim in sorted(settings.pvc_mounts.items())
    }
    secrets = {path: {"secret": _secret_volume(source)} for path, source in sorted(settings.secret_files.items())}
    size = settings.shared_memory
    memory = {"/dev/shm": {"emptyDir": {"medium": "Memory", "sizeLimit": size}}} if size else {}  # noqa: S108 - in a pod
    return {**claims, **secrets, **memory}


def _secret_volume(source: str) -> Manifest:
    return {"secretName": source.removesuffix("?")} | ({"optional": True} if source.endswith("?") else {})


def _toleration(text: str) -> Manifest:
    taint, _, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    return without_empty(
        {"key": key, "operator": "Equal" if equals else "Exists", "value": value if equals else None, "effect": effect}
    )


def _resources(settings: StepSettings) -> Manifest:
    requests = {"cpu": settings.cpu_request, "memory": settings.memory_request}
    gpus = {settings.gpu_type: str(settings.gpus)} if settings.gpus else {}
    limits = {"cpu": settings.cpu_limit, "memory": settings.memory_limit, **gpus}
    return without_empty({"requests": without_empty(requests), "limits": without_empty(limits)})


def _security_context(settings: StepSettings) -> Manifest:
    root = settings.run_as_user == 0 or not settings.run_as_non_root
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        **({} if root else {"runAsNonRoot": True}),
        **({} if settings.run_as_user is None else {"runAsUser": settings.run_as_user}),
        **({} if settings.run_as_group is None else {"runAsGroup": settings.run_as_group}),
    }


def amount(quantity: str) -> float:
    """Reads a quantity of Kubernetes: cores or bytes."""
    number = quantity.rstrip("mkMGTi")
    return float(number) * _SUFFIXES[quantity[len(number) :]]
