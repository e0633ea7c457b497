"""The claim that steps share with Beam's workers: who mounts it, and what a package is refused for."""

from collections.abc import Callable

import pytest
import yaml

from tests.kubeflow.conftest import Documents, read_config
from tfx_pipeline.kubeflow.manifests.flink import flink_manifest
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import STEPS

REMOTE = ("--set", "run.beam_args=--runner=PortableRunner", "--set", "run.beam_args=--job_endpoint=flink:8099")
BEAM_STEPS = {step.name for step in STEPS if step.beam}
CLAIM = ("--beam-pvc", "shared")
MOUNT = {"mountPath": "/beam", "pvcNameParameter": {"runtimeValue": {"constant": "shared"}}}
VARIABLE = {"name": "BEAM_MOUNT", "value": "/beam"}


def test_the_steps_with_beam_mount_the_claim_and_no_others(compiled: Callable[..., Documents]) -> None:
    package = compiled(*REMOTE, *CLAIM)
    assert {s for s in package.steps if MOUNT in package.kubernetes(s).get("pvcMount", [])} == BEAM_STEPS
    assert {s for s in package.steps if VARIABLE in package.container(s)["env"]} == BEAM_STEPS


def test_the_stages_with_beam_mount_the_claim(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.pods=stage", "--data-pvc", "images", *REMOTE, *CLAIM)
    assert {s for s in package.steps if MOUNT in package.kubernetes(s).get("pvcMount", [])} == {"data", "judgement"}
    assert {s for s in package.steps if VARIABLE in package.container(s)["env"]} == {"data", "judgement"}


def test_the_workers_of_the_manifest_mount_it_at_the_same_path() -> None:
    mount = ("--set", "kubeflow.beam_mount=/mnt/shared")
    manifest = list(yaml.safe_load_all(flink_manifest("plain", read_config(*CLAIM, *mount).kubeflow)))
    (pod,) = [
        d["spec"]["template"]["spec"]
        for d in manifest
        if d["kind"] == "Deployment" and d["metadata"]["name"].endswith("taskmanager")
    ]
    (worker,) = [c for c in pod["containers"] if c["name"] == "beam-worker"]
    (name,) = [v["name"] for v in pod["volumes"] if v.get("persistentVolumeClaim", {}).get("claimName") == "shared"]
    assert {"name": name, "mountPath": "/mnt/shared"} in worker["volumeMounts"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (REMOTE, "see nothing of the pod of a step on Kubeflow; name a claim that both mount with --beam-pvc"),
        (CLAIM, "--beam-pvc shared: is for Beam's remote workers, and Beam runs inside the steps"),
        (
            (*CLAIM, "--set", "run.beam_args=--runner=DataflowRunner"),
            "workers of Dataflow see neither the pod of a step",
        ),
        ((*REMOTE, *CLAIM, "--data-pvc", "shared"), "mounts shared 2 times, and Kubeflow can mount it once"),
        ((*REMOTE, *CLAIM, "--set", "kubeflow.beam_mount=/data", "--data-pvc", "x"), "example-gen mounts x at /data"),
        (
            (*REMOTE, *CLAIM, "--set", "kubeflow.pvc_mounts=/beam=x"),
            "--beam-pvc shared: data-gate mounts x at /beam; choose another",
        ),
        ((*REMOTE, *CLAIM, "--set", "kubeflow.beam_mount=/a[b]"), "kubeflow.beam_mount /a[b]: has ["),
        ((*REMOTE, *CLAIM, "--set", "kubeflow.beam_mount=/minio"), "mounts a volume at /minio, where Kubeflow mounts"),
    ],
)
def test_what_cannot_work_is_refused_when_the_package_is_written(
    flags: tuple[str, ...], reason: str, compiled: Callable[..., Documents]
) -> None:
    with pytest.raises(UserError) as refused:
        compiled(*flags)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
