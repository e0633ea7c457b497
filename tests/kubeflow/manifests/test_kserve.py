"""The manifest of an InferenceService against KServe's own definition, and what a model server answers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubeflow.conftest import read_config
from tests.kubeflow.manifests.crd import violations
from tests.small_run import ROOT
from tfx_pipeline.kubeflow.manifests.kserve import kserve_manifest
from tfx_pipeline.process.errors import UserError

CRD = Path(__file__).with_name("kserve_crd.yaml")
AMAZON = (
    *("--serving-dir", "s3://bucket/models", "--set", "kubeflow.env=AWS_DEFAULT_REGION=eu-central-1"),
    *(
        "--set",
        "kubeflow.secret_env=AWS_ACCESS_KEY_ID=my-keys/id",
        "--set",
        "kubeflow.secret_env=AWS_SECRET_ACCESS_KEY=my-keys/key?",
    ),
)
GOOGLE = (
    *("--serving-dir", "gs://bucket/models/", "--set", "kubeflow.secret_files./secrets/google=my-key"),
    *("--set", "kubeflow.env=GOOGLE_APPLICATION_CREDENTIALS=/secrets/google/key.json"),
)
CANARY = ("--set", "kubeflow.kserve_canary=10", "--set", "kubeflow.kserve_version=1795684719")


def documents(*flags: str, namespace: str = "") -> dict[str, dict[str, Any]]:
    """The documents by their kind."""
    text = kserve_manifest(read_config(*flags).kubeflow, namespace)
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def predictor(*flags: str) -> dict[str, Any]:
    found: dict[str, Any] = documents(*flags)["InferenceService"]["spec"]["predictor"]
    return found


@pytest.mark.parametrize("flags", [(), ("--serving-pvc", "models"), AMAZON, GOOGLE, CANARY, (*AMAZON, *CANARY)])
def test_it_is_what_kserves_definition_takes(flags: tuple[str, ...]) -> None:
    assert violations(documents(*flags, namespace="me")["InferenceService"], CRD) == []


def test_the_definition_refuses_what_is_not_in_it() -> None:
    document = documents()["InferenceService"]
    model = document["spec"]["predictor"]["model"]
    model |= {"modelFormat": {}, "storageURI": "s3://x", "runtimeVersion": 2}
    assert violations({**document, "apiVersion": "serving.kserve.io/v1"}, CRD) == [
        "apiVersion: serving.kserve.io/v1",
        ".spec.predictor.model.modelFormat.name: missing",
        ".spec.predictor.model.runtimeVersion: 2 is no string",
        ".spec.predictor.model.storageURI: unknown",
    ]


def test_kubeflows_own_store_is_named_as_s3_with_a_secret_and_an_account() -> None:
    found = documents()
    assert found["InferenceService"]["spec"]["predictor"]["model"] == {
        "modelFormat": {"name": "tensorflow", "version": "2"},
        "protocolVersion": "v1",
        "runtime": "kserve-tensorflow-serving",
        "runtimeVersion": "2.20.0",
        "storageUri": "s3://mlpipeline/shared/fashion-mnist/serving",
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    }
    assert found["Secret"]["metadata"]["annotations"] == {
        "serving.kserve.io/s3-endpoint": "seaweedfs.kubeflow:9000",
        "serving.kserve.io/s3-usehttps": "0",
        "serving.kserve.io/s3-verifyssl": "0",
        "serving.kserve.io/s3-region": "us-east-1",
    }
    account = found["ServiceAccount"]
    assert account["secrets"] == [{"name": found["Secret"]["metadata"]["name"]}]
    assert found["InferenceService"]["spec"]["predictor"]["serviceAccountName"] == account["metadata"]["name"]
    assert {d["metadata"]["namespace"] for d in found.values()} == {"kubeflow"}


def test_a_claim_is_read_in_place_without_credentials() -> None:
    assert set(documents("--serving-pvc", "models")) == {"InferenceService"}
    assert predictor("--serving-pvc", "models")["model"]["storageUri"] == "pvc://models"
    below = ("--serving-pvc", "models", "--serving-dir", "/serving/team/fashion/")
    assert predictor(*below)["model"]["storageUri"] == "pvc://models/team/fashion"
    inner = ("--set", "kubeflow.steps.pusher.pvc_mounts./a/b=two")
    mounted = ("--set", "kubeflow.pvc_mounts=/a=one", *inner, "--serving-dir", "/a/b/c")
    assert predictor(*mounted)["model"]["storageUri"] == "pvc://two/c"


def test_a_place_that_no_volume_holds_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--serving-dir /models: baseline-locator mounts no volume there"):
        documents("--serving-dir", "/models", "--set", "kubeflow.pvc_mounts=/mod=x")
    with pytest.raises(UserError, match=r"^--serving-dir ftp://h/x: got 'ftp://h/x', expected a path, s3://"):
        documents("--serving-dir", "ftp://h/x")


def test_amazon_and_google_have_the_keys_that_the_pusher_has() -> None:
    found = documents(*AMAZON)
    assert found["Secret"]["metadata"]["annotations"] == {"serving.kserve.io/s3-region": "eu-central-1"}
    assert found["InferenceService"]["spec"]["predictor"]["model"]["storageUri"] == "s3://bucket/models"
    found = documents(*GOOGLE)
    assert "annotations" not in found["Secret"]["metadata"]
    assert found["InferenceService"]["spec"]["predictor"]["model"]["storageUri"] == "gs://bucket/models"


@pytest.mark.parametrize("uri", ["s3://bucket/models", "gs://bucket/models"])
def test_without_keys_the_identity_of_the_service_account_counts(uri: str) -> None:
    flags = ("--serving-dir", uri, "--set", "kubeflow.service_account=reader")
    assert set(documents(*flags)) == {"InferenceService"}
    assert predictor(*flags)["serviceAccountName"] == "reader"


def test_one_version_is_not_served_from_a_claim_of_which_kserve_mounts_the_whole() -> None:
    with pytest.raises(
        UserError, match=r"^kubeflow\.kserve_version 1795684719: KServe serves one version from an object"
    ):
        documents("--serving-pvc", "models", *CANARY)


def test_the_predictor_passes_the_standard_restricted() -> None:
    assert predictor()["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}


def test_a_namespace_that_makes_kserves_host_too_long_is_refused_with_the_length_that_fits() -> None:
    with pytest.raises(UserError, match=r"characters; expected a namespace of at most 39$"):
        documents(namespace="a-namespace-of-a-research-group-with-a-long-name")
    assert documents(namespace="n" * 39)
    with pytest.raises(UserError):
        documents(namespace="n" * 40)


def test_a_canary_is_a_version_of_its_own_in_the_folder_that_the_server_reads() -> None:
    found = predictor(*CANARY)
    assert found["canaryTrafficPercent"] == 10
    (storage,) = found["storageUris"]
    assert storage == {
        "uri": "s3://mlpipeline/shared/fashion-mnist/serving/1795684719",
        "mountPath": "/mnt/models/1795684719",
    }
    assert "storageUri" not in found["model"]
    assert predictor("--set", "kubeflow.kserve_canary=0")["canaryTrafficPercent"] == 0


KUBECTL = """#!/bin/sh
case "$*" in
  *"get secret"*) printf %s "$*" | sed 's/.*get secret //' | base64 ;;
  *"create secret"*) for word; do echo "$word"; done >"$CREATED" ;;
  *) cat >/dev/null ;;
esac
"""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            ("--set", "kubeflow.minio_secret=mine"),
            [
                "--from-literal=AWS_ACCESS_KEY_ID=mine -o jsonpath={.data.accesskey}",
                "--from-literal=AWS_SECRET_ACCESS_KEY=mine -o jsonpath={.data.secretkey}",
            ],
        ),
        (GOOGLE, [r"--from-literal=gcloud-application-credentials.json=my-key -o jsonpath={.data.key\.json}"]),
    ],
)
def test_the_comment_has_a_command_that_copies_the_keys(
    flags: tuple[str, ...], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "kubectl"
    tool.write_text(KUBECTL)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CREATED", str(tmp_path / "created"))
    command = kserve_manifest(read_config(*flags).kubeflow).splitlines()[1].removeprefix("# ")
    subprocess.run(["/bin/sh", "-ec", command], check=True)
    words = (tmp_path / "created").read_text().splitlines()
    assert [word for word in words if word.startswith("--from-literal")] == expected
    assert "fashion-mnist-storage" in words


@pytest.mark.parametrize("namespace", ["Me", "a.b", "x" * 64, "a\nb", "-a"])
def test_a_namespace_that_kubernetes_refuses_is_refused(namespace: str) -> None:
    with pytest.raises(UserError, match=r"expected lower-case letters, digits and hyphens, 63 at most$"):
        documents(namespace=namespace)


def test_kubeflow_runner_prints_it() -> None:
    command = [
        sys.executable,
        "kubeflow_runner.py",
        "--kserve-manifest",
        "--serving-pvc",
        "models",
        "--namespace",
        "me",
    ]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (document,) = yaml.safe_load_all(printed)
    assert document["metadata"] == {"name": "fashion-mnist", "namespace": "me"}
