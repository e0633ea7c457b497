"""The manifests of a Flink session cluster against the operator's definition, Kubernetes' schema and Pod Security."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubeflow.conftest import read_config
from tests.kubeflow.manifests import crd
from tests.kubeflow.manifests.kubernetes_schema import MODELS, understood
from tests.kubeflow.replay import pod_spec
from tests.small_run import ROOT
from tfx_pipeline.beam import worker_pool
from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.kubeflow.manifests.flink import MEBIBYTES, flink_manifest
from tfx_pipeline.kubeflow.pod import amount
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.process.errors import UserError

CRD = Path(__file__).with_name("flink_crd.yaml")
KINDS = ("operator", "plain")
FULL = (
    *("--beam-pvc", "beam-files", "--image", "registry.example.org/fashion:1"),
    *("--data-pvc", "images", "--set", "kubeflow.pvc_mounts./words=words"),
    *("--set", "kubeflow.labels.team=ml", "--set", "kubeflow.annotations.note=x"),
    *("--set", "kubeflow.tolerations=gpu=x:NoSchedule", "--set", "kubeflow.node_selector.disk=ssd"),
    *("--set", "kubeflow.image_pull_secrets=regcred", "--set", "kubeflow.service_account=reader"),
    *("--set", "kubeflow.secret_files./keys=key?", "--set", "kubeflow.env.A=b"),
    *("--set", "kubeflow.secret_env.TOKEN=keys/token?", "--set", "kubeflow.shared_memory=1Gi"),
    *("--set", "kubeflow.run_as_user=1000650000", "--set", "kubeflow.run_as_group=8"),
)

Document = dict[str, Any]


def documents(kind: str, *flags: str, namespace: str = "") -> list[Document]:
    return list(yaml.safe_load_all(flink_manifest(kind, read_config(*flags).kubeflow, namespace)))


def one(found: list[Document], kind: str, end: str = "") -> Document:
    (only,) = [d for d in found if d["kind"] == kind and d["metadata"]["name"].endswith(end)]
    return only


def pods(kind: str, *flags: str) -> dict[str, Document]:
    """The templates of the pods of JobManager and TaskManager."""
    found = documents(kind, *flags)
    if kind == "operator":
        spec = one(found, "FlinkDeployment")["spec"]
        return {name.lower(): spec[name]["podTemplate"] for name in ("jobManager", "taskManager")}
    return {name: one(found, "Deployment", name)["spec"]["template"] for name in ("jobmanager", "taskmanager")}


def container(pod: Document, name: str) -> Document:
    (only,) = [c for c in pod["spec"]["containers"] if c["name"] == name]
    return only


@pytest.mark.parametrize("flags", [(), FULL])
def test_the_operators_definition_takes_it(flags: tuple[str, ...]) -> None:
    assert crd.violations(one(documents("operator", *flags), "FlinkDeployment"), CRD) == []


def test_the_definition_refuses_what_is_not_in_it() -> None:
    document = one(documents("operator"), "FlinkDeployment")
    document["spec"] |= {"mode": "session", "flinkVersion": "v1_5", "replicas": 1}
    document["spec"]["jobManager"]["resource"]["cpu"] = "1"
    assert sorted(fault.partition(" is none")[0] for fault in crd.violations(document, CRD)) == [
        ".spec.flinkVersion: 'v1_5'",
        ".spec.jobManager.resource.cpu: '1' is no number",
        ".spec.mode: 'session'",
        ".spec.replicas: unknown",
    ]


@pytest.mark.parametrize("flags", [(), FULL])
@pytest.mark.parametrize("kind", KINDS)
def test_kubernetes_understands_every_field(kind: str, flags: tuple[str, ...]) -> None:
    own = [document for document in documents(kind, *flags) if document["kind"] in MODELS]
    assert {d["kind"] for d in own} >= {"Service", "NetworkPolicy"}
    for document in own:
        assert understood(document, document["kind"]) == document
    for template in pods(kind, *flags).values():
        assert understood(template, "PodTemplate") == template


def test_a_field_that_kubernetes_does_not_have_is_lost() -> None:
    service = one(documents("plain"), "Service", "-jobs")
    service["spec"]["port"] = 1
    assert understood(service, "Service") != service


@pytest.mark.parametrize("flags", [(), FULL])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pods_pass_the_standard_restricted_and_write_to_volumes_alone(kind: str, flags: tuple[str, ...]) -> None:
    for template in pods(kind, *flags).values():
        assert list(pod_spec.violations(template["spec"])) == []
        for each in template["spec"]["containers"]:
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
            assert {"name": mounts["/tmp"], "emptyDir": {}} in template["spec"]["volumes"]  # noqa: S108 - in a pod
            assert set(mounts.values()) <= {volume["name"] for volume in template["spec"]["volumes"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_of_workers_in_the_steps_image_is_beside_each_task_manager(kind: str) -> None:
    template = pods(kind, *FULL)["taskmanager"]
    worker = container(template, "beam-worker")
    assert worker["image"] == "registry.example.org/fashion:1"
    assert worker["command"] == ["python3", "-m", worker_pool.__name__]
    host, _, port = BeamConfig().worker_pool.partition(":")
    assert (host, worker["args"]) == ("localhost", [f"127.0.0.1:{port}"])
    assert {"name": "A", "value": "b"} in worker["env"]
    assert worker["securityContext"]["runAsUser"] == 1000650000
    spec = template["spec"]
    assert spec["securityContext"]["fsGroup"] == 8
    assert (spec["nodeSelector"], spec["imagePullSecrets"]) == ({"disk": "ssd"}, [{"name": "regcred"}])
    assert template["metadata"]["labels"]["team"] == "ml"
    assert pods(kind)["taskmanager"]["spec"]["securityContext"]["fsGroup"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_text_whatever_yaml_or_jinja_would_make_of_it(kind: str) -> None:
    value = "a\u0085\U0001f600: {{ b }}\n'\"{% if c %}#"
    worker = container(pods(kind, "--set", f"kubeflow.env.A={value}")["taskmanager"], "beam-worker")
    assert {"name": "A", "value": value} in worker["env"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_workers_write_to_the_claim_that_they_share_with_the_steps_and_read_others(kind: str) -> None:
    template = pods(kind, *FULL, "--set", "kubeflow.beam_mount=/shared")["taskmanager"]
    mounts = {m["mountPath"]: m["name"] for m in container(template, "beam-worker")["volumeMounts"]}
    assert set(mounts) == {"/shared", "/words", "/keys", "/dev/shm", "/tmp"}  # noqa: S108 - in a pod
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert volumes[mounts["/shared"]]["persistentVolumeClaim"] == {"claimName": "beam-files"}
    assert volumes[mounts["/words"]]["persistentVolumeClaim"] == {"claimName": "words", "readOnly": True}
    steps = settings_of("statistics-gen", read_config(*FULL, "--set", "kubeflow.beam_mount=/shared").kubeflow)
    assert steps.pvc_mounts["/shared"] == "beam-files"


def test_without_a_claim_the_comment_says_that_the_workers_see_no_files() -> None:
    assert "no claim is mounted: print this with --beam-pvc NAME" in flink_manifest("plain", read_config().kubeflow)
    assert "no claim" not in flink_manifest("plain", read_config("--beam-pvc", "x").kubeflow)


@pytest.mark.parametrize("managers", [1, 2, 5])
def test_the_comment_has_what_all_pods_request_together(managers: int) -> None:
    flags = ("--set", f"kubeflow.flink_task_managers={managers}")
    counts = {"jobmanager": 1, "taskmanager": managers}
    totals = {"cpu": 0.0, "memory": 0.0}
    for name, template in pods("plain", *flags).items():
        for each in template["spec"]["containers"]:
            for resource in totals:
                totals[resource] += counts[name] * amount(each["resources"]["requests"][resource])
    expected = f"# it requests {totals['cpu']:.1f} CPU and {totals['memory'] / 2**30:.1f} GiB of memory; "
    assert expected in flink_manifest("plain", read_config(*flags).kubeflow)
    assert managers != 2 or "2.0 CPU and 12.6 GiB" in expected  # as on a real cluster


@pytest.mark.parametrize("kind", KINDS)
def test_the_workers_have_resources_of_their_own(kind: str) -> None:
    values = {"memory_limit": "9Gi", "gpus": "1", "shared_memory": "1Gi"}
    flags = [word for key, value in values.items() for word in ("--set", f"kubeflow.steps.beam-worker.{key}={value}")]
    template = pods(kind, *flags)["taskmanager"]
    worker = container(template, "beam-worker")
    assert worker["resources"]["limits"] == {"cpu": "4", "memory": "9Gi", "nvidia.com/gpu": "1"}
    (name,) = [m["name"] for m in worker["volumeMounts"] if m["mountPath"] == "/dev/shm"]  # noqa: S108 - in a pod
    assert {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}} in template["spec"]["volumes"]
    assert understood(template, "PodTemplate") == template


@pytest.mark.parametrize("kind", KINDS)
def test_the_job_server_is_reached_by_the_service_of_the_address_in_the_comment(kind: str) -> None:
    text = flink_manifest(kind, read_config("--beam-pvc", "x").kubeflow, "me")
    found = list(yaml.safe_load_all(text))
    service = one(found, "Service", "-jobs")
    name = service["metadata"]["name"]
    assert text.splitlines()[1] == f"# the package's flags: --beam-runner flink --flink {name}.me:8081 --beam-pvc x"
    assert BeamConfig(beam_runner="flink", flink=f"{name}.me:8081").job_endpoint == f"{name}.me:8099"
    assert {p["name"]: p["port"] for p in service["spec"]["ports"]} == {
        "rest": 8081, "job": 8099, "artifact": 8098, "expansion": 8097
    }  # fmt: skip
    job_manager = pods(kind)["jobmanager"]
    assert service["spec"]["selector"].items() <= job_manager["metadata"]["labels"].items()
    server = container(job_manager, "job-server")
    assert server["image"] == "apache/beam_flink1.19_job_server:2.62.0"
    assert server["args"][:2] == ["--flink-master=localhost:8081", "--job-host=$(POD_IP)"]
    assert server["env"] == [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    assert {"containerPort": 8098, "name": "artifact"} in server["ports"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_lets_in_the_cluster_itself_and_the_jobs_of_steps(kind: str) -> None:
    found, templates = documents(kind), pods(kind)
    policies = {name: one(found, "NetworkPolicy", name)["spec"] for name in templates}
    for name, template in templates.items():
        labels = template["metadata"]["labels"]
        assert policies[name]["podSelector"]["matchLabels"].items() <= labels.items()
        assert policies[name]["ingress"][0] == {"from": [{"podSelector": {"matchLabels": {"app": labels["app"]}}}]}
    assert len(policies["taskmanager"]["ingress"]) == 1
    _, steps, *others = policies["jobmanager"]["ingress"]
    assert steps["from"] == [{"podSelector": {"matchExpressions": [{"key": "pipeline/runid", "operator": "Exists"}]}}]
    assert {p["port"] for p in steps["ports"]} == {8081, 8099, 8098, 8097}
    assert [rule["ports"] for rule in others] == ([[{"port": 8081}]] if kind == "operator" else [])


def test_both_kinds_have_the_same_memory_slots_and_network_buffers() -> None:
    settings = ("--set", "kubeflow.flink_slots=3", "--set", "kubeflow.flink_task_managers=5")
    spec = one(documents("operator", *settings), "FlinkDeployment")["spec"]
    found = documents("plain", *settings)
    written = yaml.safe_load(one(found, "ConfigMap")["data"]["config.yaml"])
    common = {k: v for k, v in spec["flinkConfiguration"].items() if not k.startswith("kubernetes.")}
    assert common.items() <= written.items()
    assert (common["taskmanager.numberOfTaskSlots"], common["taskmanager.memory.network.min"]) == ("3", "1g")
    deployment = one(found, "Deployment", "taskmanager")["spec"]
    assert deployment["replicas"] == spec["taskManager"]["replicas"] == 5
    for component, name, mib in (
        ("jobManager", "jobmanager", MEBIBYTES["jobmanager"]),
        ("taskManager", "taskmanager", MEBIBYTES["taskmanager"]),
    ):
        assert spec[component]["resource"]["memory"] == written[f"{name}.memory.process.size"] == f"{mib}m"
        main = container(one(found, "Deployment", name)["spec"]["template"], "flink-main-container")
        assert main["resources"]["limits"] == {"cpu": "2", "memory": f"{mib}Mi"}
        cpu = spec[component]["resource"]["cpu"]
        assert str(cpu) == main["resources"]["requests"]["cpu"]
        assert cpu * float(spec["flinkConfiguration"][f"kubernetes.{name}.cpu.limit-factor"]) == 2


def test_the_plain_pods_start_anew_where_flinks_configuration_changes() -> None:
    changed, same = (
        pods("plain", "--set", setting) for setting in ("kubeflow.flink_slots=3", "kubeflow.flink_task_managers=3")
    )
    assert same == pods("plain")
    for name, template in changed.items():
        assert template != same[name]


def test_the_plain_task_managers_find_the_job_manager_by_a_service() -> None:
    found = documents("plain")
    written = yaml.safe_load(one(found, "ConfigMap")["data"]["config.yaml"])
    service = one(found, "Service", written["jobmanager.rpc.address"])
    assert {p["port"] for p in service["spec"]["ports"]} == {
        written["jobmanager.rpc.port"], written["blob.server.port"]
    }  # fmt: skip
    assert service["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_version_are_settings(kind: str) -> None:
    flags = ("--set", "kubeflow.flink_version=1.20", "--set", "kubeflow.flink_job_server_image=r/server:y")
    newer = flink_manifest(kind, read_config(*flags).kubeflow)
    assert all(text in newer for text in ("image: flink:1.20", "image: r/server:y"))
    assert ("flinkVersion: v1_20" in newer) == (kind == "operator")
    own = flink_manifest(kind, read_config(*flags, "--set", "kubeflow.flink_image=r/flink:x").kubeflow)
    assert "image: r/flink:x" in own
    assert "image: flink:" not in own


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_without_a_known_job_server_asks_for_its_image(kind: str) -> None:
    message = r"^kubeflow\.flink_version 1\.20: .* --set kubeflow\.flink_job_server_image=apache/beam_flink1\.20_job_"
    with pytest.raises(UserError, match=message):
        documents(kind, "--set", "kubeflow.flink_version=1.20")


@pytest.mark.parametrize("version", ["1.18", "1.9", "2", "1.19.3", "x"])
def test_a_version_that_the_manifest_is_not_for_is_refused(version: str) -> None:
    with pytest.raises(UserError, match=rf"^--set kubeflow\.flink_version={version}: got '{version}', expected "):
        documents("plain", "--set", f"kubeflow.flink_version={version}")


@pytest.mark.parametrize("kind", ["session", "Plain", "operator,plain"])
def test_another_kind_is_refused(kind: str) -> None:
    with pytest.raises(UserError, match=rf"^--flink-manifest {kind}: expected operator, .* or plain$"):
        documents(kind)


def test_kubeflow_runner_prints_it() -> None:
    command = [sys.executable, "kubeflow_runner.py", "--flink-manifest", "operator", "--namespace", "me"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(printed))
    assert {document["metadata"]["namespace"] for document in found} == {"me"}
    kinds = ",".join(dict.fromkeys(document["kind"].lower() for document in found))
    (end,) = [line for line in printed.splitlines() if line.startswith("# ") and kinds in line]
    assert end.endswith(f" {kinds}")
    assert len(found[0]["metadata"]["name"]) <= 45
