"""The manifest of a TensorBoard, and what Kubeflow's page is given for its button."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubeflow.conftest import Documents, read_config
from tests.kubeflow.replay.pod_spec import violations
from tests.small_run import ROOT
from tfx_pipeline.kubeflow.manifests.tensorboard import tensorboard_manifest
from tfx_pipeline.kubeflow.step import tensorboard_viewer
from tfx_pipeline.process.errors import UserError

STORE = "minio://mlpipeline/v2/artifacts/fashion-mnist"


def manifest(logs: str, *flags: str, namespace: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod and the service."""
    pod, service = yaml.safe_load_all(tensorboard_manifest(logs, read_config(*flags).kubeflow, namespace))
    return pod, service


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    return only


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    """Values of the variables, and references where they come from a Secret."""
    entries = container(pod).get("env", [])
    return {e["name"]: e.get("value") or e["valueFrom"]["secretKeyRef"] for e in entries}


def test_kubeflows_own_store_is_read_in_our_image_with_its_secret() -> None:
    pod, service = manifest(STORE, "--image", "registry.example.org/fashion:1")
    assert (pod["kind"], service["kind"]) == ("Pod", "Service")
    assert pod["metadata"]["namespace"] == service["metadata"]["namespace"] == "kubeflow"
    assert container(pod)["image"] == "registry.example.org/fashion:1"
    assert container(pod)["command"] == ["python3", "-m", "tfx_pipeline.kubeflow.tensorboard"]
    assert container(pod)["args"] == [f"--logdir={STORE}", "--port=6006", "--bind_all"]
    assert environment(pod) == {
        "MINIO_ENDPOINT": "http://seaweedfs.kubeflow:9000",
        "MINIO_ACCESS_KEY": {"name": "mlpipeline-minio-artifact", "key": "accesskey", "optional": True},
        "MINIO_SECRET_KEY": {"name": "mlpipeline-minio-artifact", "key": "secretkey", "optional": True},
    }


def test_the_service_leads_to_this_pod_alone() -> None:
    (pod, service), (other, _) = manifest(STORE), manifest(f"{STORE}/run-1")
    selector = service["spec"]["selector"]
    assert selector.items() <= pod["metadata"]["labels"].items()
    assert not selector.items() <= other["metadata"]["labels"].items()
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] in {p["name"] for p in container(pod)["ports"] if p["containerPort"] == 6006}


def test_another_location_has_another_name_and_the_same_the_same() -> None:
    names = {logs: manifest(logs)[0]["metadata"]["name"] for logs in (STORE, f"{STORE}/", f"{STORE}/run-1")}
    assert names[STORE] == names[f"{STORE}/"] != names[f"{STORE}/run-1"]
    assert all(len(name) <= 63 for name in names.values())


def test_a_claim_is_mounted_for_reading_and_needs_no_credentials() -> None:
    pod, _ = manifest("pvc://logs/fashion/runs", "--set", "kubeflow.pvc_mounts=/elsewhere=other", namespace="team")
    assert pod["metadata"]["namespace"] == "team"
    assert container(pod)["args"][0] == "--logdir=/logs/fashion/runs"
    (volume,) = pod["spec"]["volumes"]
    (mount,) = container(pod)["volumeMounts"]
    assert volume == {"name": mount["name"], "persistentVolumeClaim": {"claimName": "logs", "readOnly": True}}
    assert mount["mountPath"] == "/logs"
    assert environment(pod) == {}


def test_amazons_keys_and_googles_key_file_come_from_the_settings_that_the_steps_have() -> None:
    pod, _ = manifest(
        "s3://bucket/logs",
        "--set",
        "kubeflow.secret_env=AWS_ACCESS_KEY_ID=keys/id",
        "--set",
        "kubeflow.env=AWS_REGION=eu-west-1",
    )
    assert environment(pod) == {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": {"name": "keys", "key": "id"}}
    pod, _ = manifest("gs://bucket/logs", "--set", "kubeflow.secret_files./secrets/google=key?")
    assert pod["spec"]["volumes"][0]["secret"] == {"secretName": "key", "optional": True}
    assert container(pod)["volumeMounts"][0]["mountPath"] == "/secrets/google"


def test_the_pod_has_its_own_settings() -> None:
    flags = (
        *("--set", "kubeflow.labels.team=ml", "--set", "kubeflow.steps.tensorboard.memory_limit=1Gi"),
        *(
            "--set",
            "kubeflow.node_selector.disk=ssd",
            "--set",
            "kubeflow.tolerations=gpu:NoSchedule",
            "--set",
            "kubeflow.tolerations=a=b",
        ),
        *("--set", "kubeflow.image_pull_secrets=regcred", "--set", "kubeflow.service_account=reader"),
    )
    pod, _ = manifest(STORE, *flags)
    assert pod["metadata"]["labels"]["team"] == "ml"
    assert container(pod)["resources"]["limits"]["memory"] == "1Gi"
    spec = pod["spec"]
    assert (spec["nodeSelector"], spec["imagePullSecrets"]) == ({"disk": "ssd"}, [{"name": "regcred"}])
    assert spec["tolerations"] == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "a", "operator": "Equal", "value": "b"},
    ]
    assert spec["serviceAccountName"] == "reader"


@pytest.mark.parametrize(
    "flags", [(), ("--set", "kubeflow.run_as_user=1000650000"), ("--set", "kubeflow.secret_files./k=s")]
)
def test_the_pod_passes_the_standard_restricted(flags: tuple[str, ...]) -> None:
    for logs in (STORE, "pvc://logs"):
        spec = manifest(logs, *flags)[0]["spec"]
        volumes = [{k: v for k, v in volume.items() if k != "name"} for volume in spec.get("volumes", [])]
        assert list(violations({**spec, "volumes": volumes})) == []


@pytest.mark.parametrize(
    "logs",
    ["output/tensorboard", "minio://", "pvc://", "pvc://Logs/x", "ftp://h/x", "s3://key:secret@b/x", "s3://b/a\nb"],
)
def test_another_place_is_refused_naming_what_is_expected(logs: str) -> None:
    with pytest.raises(UserError, match=r"TensorBoard cannot read from there, expected minio://BUCKET/FOLDER, s3:"):
        manifest(logs)


def test_kubeflow_runner_prints_it_and_how_to_open_it() -> None:
    flags = ["--namespace", "me", "--set", "kubeflow.minio_endpoint=https://store:443"]
    command = [sys.executable, "kubeflow_runner.py", "--tensorboard-manifest", "minio://logs", *flags]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pod, service = yaml.safe_load_all(printed)
    assert environment(pod)["MINIO_ENDPOINT"] == "https://store:443"
    assert f"kubectl -n me port-forward service/{service['metadata']['name']} 6006" in printed.splitlines()[1]


def viewer_variable(package: Documents) -> dict[str, Any]:
    variables = {e["name"]: e["value"] for e in package.container("evaluation-review")["env"]}
    viewer: dict[str, Any] = json.loads(variables[tensorboard_viewer.VARIABLE])
    return viewer


def test_the_package_declares_the_artifact_that_the_page_looks_for(compiled: Callable[..., Documents]) -> None:
    package = compiled("--image", "registry.example.org/fashion:1", "--set", "kubeflow.pvc_mounts=/x=other")
    outputs = package.component("evaluation-review")["outputDefinitions"]["artifacts"]
    assert outputs["mlpipeline-ui-metadata"]["artifactType"]["schemaTitle"] == "system.Artifact"
    viewer = viewer_variable(package)
    assert (viewer["type"], viewer["image"]) == ("tensorboard", "registry.example.org/fashion:1")
    spec = viewer["pod_template_spec"]["spec"]
    (container_of_viewer,) = spec["containers"]
    # Kubeflow's controller puts `tensorboard --logdir=... --path_prefix=... --bind_all` after it.
    assert container_of_viewer["command"] == ["python3", "-m", "tfx_pipeline.kubeflow.tensorboard"]
    assert "args" not in container_of_viewer
    assert "volumes" not in spec
    assert spec["serviceAccountName"] == "default-editor"
    assert list(violations({"volumes": [], **spec})) == []


def message(root: Path) -> dict[str, Any]:
    """An executor input of the review step, with artifacts in a folder."""
    keys = ("tensorboard", "mlpipeline-ui-metadata")
    artifacts = {key: {"artifacts": [{"uri": f"{root}/{key}", "customPath": f"{root}/{key}"}]} for key in keys}
    artifacts["tensorboard"]["artifacts"][0]["uri"] = "minio://mlpipeline/run/tensorboard"
    return {"outputs": {"artifacts": artifacts}}


def test_the_step_adds_the_address_of_its_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tensorboard_viewer.VARIABLE, '{"type": "tensorboard", "image": "x"}')
    tensorboard_viewer.write_viewer(message(tmp_path))
    assert json.loads((tmp_path / "mlpipeline-ui-metadata").read_text()) == {
        "outputs": [{"type": "tensorboard", "image": "x", "source": "minio://mlpipeline/run/tensorboard"}]
    }


@pytest.mark.parametrize(
    "variables", [{tensorboard_viewer.STAND_ALONE: "10.0.0.1", tensorboard_viewer.VARIABLE: "{}"}, {}]
)
def test_without_profiles_the_page_shows_the_command_instead(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tensorboard_viewer.write_viewer(message(tmp_path))
    (shown,) = json.loads((tmp_path / "mlpipeline-ui-metadata").read_text())["outputs"]
    assert (shown["type"], shown["storage"]) == ("markdown", "inline")
    assert "--tensorboard-manifest minio://mlpipeline/run/tensorboard | kubectl apply -f -" in shown["source"]
