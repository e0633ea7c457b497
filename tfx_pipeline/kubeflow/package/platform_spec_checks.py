"""Checks what settings ask of a step's pod, by both documents of the package together."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from tfx_pipeline.kubeflow.package.exit_step import tasks_of
from tfx_pipeline.kubeflow.package.pipeline_spec_checks import Problem, mentions_workspace
from tfx_pipeline.kubeflow.pod import amount

_VOLUME_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESERVED: Final = ("/kfp-launcher", "/kfp-workspace", "/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config")
"""What the backend mounts itself (kubeflow/pipelines, backend/src/v2/compiler/argocompiler/container.go)."""


def check_platform(platform: dict[str, Any], spec: dict[str, Any]) -> Iterator[Problem]:
    """Finds each problem of the platform document, the package's second, beside the first."""
    kubernetes = platform["platforms"]["kubernetes"]
    executors = kubernetes["deploymentSpec"]["executors"]
    workspace = "workspace" in kubernetes.get("pipelineConfig", {})
    for name, task in tasks_of(spec).items():
        label = spec["components"].get(task["componentRef"]["name"], {}).get("executorLabel", "")
        container = spec["deploymentSpec"]["executors"].get(label, {}).get("container", {})
        reasons = [*_pod(executors.get(label, {}), container), *_resources(container.get("resources", {}))]
        if mentions_workspace(task) and not workspace:
            reasons.append("uses the workspace, which has no size; give one with --set kubeflow.workspace_size=3Gi")
        yield from (Problem(f"task {name}", reason) for reason in reasons)


def _pod(body: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    yield from _volumes(body)
    yield from _environment(body, container)


def _volumes(body: dict[str, Any]) -> Iterator[str]:
    """The backend calls a volume after its claim or Secret, so that Kubernetes' rules for volumes hold for those."""
    mounts = [
        *((_constant(m["pvcNameParameter"]), m["mountPath"]) for m in body.get("pvcMount", [])),
        *((_constant(m["secretNameParameter"]), m["mountPath"]) for m in body.get("secretAsVolume", [])),
        *((m["volumeName"], m["mountPath"]) for m in body.get("emptyDirMounts", [])),
    ]
    for name, count in Counter(name for name, _ in mounts).items():
        if count > 1:
            yield f"mounts {name} {count} times, and Kubeflow can mount it once; mount it at one path"
        if not _VOLUME_NAME.fullmatch(name):
            yield f"mounts {name}, and Kubeflow cannot mount what has a dot, or more than 63 characters, in its name"
    for path, count in Counter(path.rstrip("/") for _, path in mounts).items():
        if count > 1:
            yield f"mounts {count} volumes at {path}; give each a path of its own"
        if any(path == reserved or path.startswith(f"{reserved}/") for reserved in _RESERVED):
            yield f"mounts a volume at {path}, where Kubeflow mounts its own; choose another path"


def _constant(parameter: dict[str, Any]) -> str:
    return str(parameter.get("runtimeValue", {}).get("constant", ""))


def _environment(body: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    names = [variable["name"] for variable in container.get("env", [])]
    for secret in body.get("secretAsEnv", []):
        names += [key["envVar"] for key in secret["keyToEnv"]]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"sets the variable {name} {count} times; set it once, as a value or from a Secret"
        if name.startswith("KFP_"):
            yield f"sets the variable {name}, which is Kubeflow's own; give it another name"


def _resources(resources: dict[str, Any]) -> Iterator[str]:
    for kind in ("Cpu", "Memory"):
        request, limit = resources.get(f"resource{kind}Request"), resources.get(f"resource{kind}Limit")
        if request and limit and amount(request) > amount(limit):
            yield f"requests {request} of {kind.lower()} but is limited to {limit}; raise the limit"
