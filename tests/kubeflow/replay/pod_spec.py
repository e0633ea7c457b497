"""The pod that the backend makes of a task, as far as Pod Security looks at it, and the standard `restricted`.

The backend's part is `backend/src/v2/compiler/argocompiler/security_context.go` and `backend/src/v2/driver/k8s.go`; the
rules are those of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from collections.abc import Iterator
from typing import Any, Final

Message = dict[str, Any]

BACKENDS: Final[Message] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What the backend sets on each container by itself; who may run it is left to the package."""

VOLUMES: Final = {"pvcMount": "persistentVolumeClaim", "secretAsVolume": "secret", "emptyDirMounts": "emptyDir"}
ALLOWED_VOLUMES: Final = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def pod_spec(kubernetes: Message) -> Message:
    """Makes the pod.

    Args:
        kubernetes: What the second document says of the task.
    """
    volumes = [{kind: {}} for field, kind in VOLUMES.items() for _ in kubernetes.get(field, [])]
    context = BACKENDS | kubernetes.get("securityContext", {})
    return {"containers": [{"name": "main", "securityContext": context}], "volumes": [{"emptyDir": {}}, *volumes]}


def violations(pod: Message) -> Iterator[str]:
    """What the standard `restricted` finds wrong with a pod, in the words of Kubernetes."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"host namespaces ({field})"
    for volume in pod["volumes"]:
        for kind in volume.keys() - ALLOWED_VOLUMES - {"name"}:
            yield f"restricted volume types ({kind})"
    for container in pod["containers"]:
        yield from _of_container(container["securityContext"])


def _of_container(context: Message) -> Iterator[str]:
    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation != false"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield "unrestricted capabilities"
    if context.get("runAsNonRoot") is not True:
        yield "runAsNonRoot != true"
    if int(context.get("runAsUser", 1)) == 0:
        yield "runAsUser=0"
    if context.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile"
