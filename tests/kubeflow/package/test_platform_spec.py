"""The platform document, part by part: what Kubernetes is asked for."""

from collections.abc import Callable

from tests.kubeflow.conftest import Documents

NON_ROOT = {"runAsNonRoot": True}


def constant(name: str) -> dict[str, object]:
    return {"runtimeValue": {"constant": name}}


def test_an_image_is_fetched_where_a_node_has_it_not(package: Documents) -> None:
    assert {package.kubernetes(step)["imagePullPolicy"] for step in package.steps} == {"IfNotPresent"}


def test_a_step_that_reaches_nothing_outside_asks_for_nothing_else(package: Documents) -> None:
    assert package.kubernetes("trainer") == {"imagePullPolicy": "IfNotPresent", "securityContext": NON_ROOT}


def test_the_login_of_a_private_registry_is_a_secret(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.image_pull_secrets=regcred", "--set", "kubeflow.image_pull_policy=Always")
    assert package.kubernetes("trainer") == {
        "imagePullPolicy": "Always",
        "imagePullSecret": [{"secretNameParameter": constant("regcred")}],
        "securityContext": NON_ROOT,
    }


def test_a_serving_claim_is_mounted_where_models_are_pushed_and_found(compiled: Callable[..., Documents]) -> None:
    package = compiled("--serving-pvc", "models")
    mount = [{"mountPath": "/serving", "pvcNameParameter": constant("models")}]
    assert {
        step: package.kubernetes(step).get("pvcMount")
        for step in package.steps
        if "pvcMount" in package.kubernetes(step)
    } == {
        "baseline-locator": mount,
        "pusher": mount,
    }
    assert package.parameters["serving_dir"]["defaultValue"] == "/serving"


def test_a_data_claim_is_mounted_for_example_gen_and_read_from(compiled: Callable[..., Documents]) -> None:
    package = compiled("--data-pvc", "images")
    assert package.kubernetes("example-gen")["pvcMount"] == [
        {"mountPath": "/data", "pvcNameParameter": constant("images")}
    ]
    assert package.parameters["data_source"]["defaultValue"] == "idx"
    assert package.parameters["data_dir"]["defaultValue"] == "/data"


def test_the_stores_credentials_come_from_a_secret_that_may_be_missing(package: Documents) -> None:
    assert package.kubernetes("pusher")["secretAsEnv"] == [
        {
            "keyToEnv": [{"envVar": "MINIO_ACCESS_KEY", "secretKey": "accesskey"}],
            "optional": True,
            "secretNameParameter": constant("mlpipeline-minio-artifact"),
        },
        {
            "keyToEnv": [{"envVar": "MINIO_SECRET_KEY", "secretKey": "secretkey"}],
            "optional": True,
            "secretNameParameter": constant("mlpipeline-minio-artifact"),
        },
    ]


def test_everything_that_can_be_asked_for_one_step(compiled: Callable[..., Documents]) -> None:
    package = compiled(
        "--set", "kubeflow.steps.trainer.node_selector=disk=ssd",
        "--set", "kubeflow.steps.trainer.tolerations=nvidia.com/gpu:NoSchedule",
        "--set", "kubeflow.steps.trainer.tolerations=team=ml:NoExecute",
        "--set", "kubeflow.steps.trainer.pvc_mounts=/models=zoo",
        "--set", "kubeflow.steps.trainer.secret_files=/secrets/key=api-key",
        "--set", "kubeflow.steps.trainer.secret_env=API_TOKEN=api-key-env/token",
        "--set", "kubeflow.steps.trainer.labels=team=ml",
        "--set", "kubeflow.steps.trainer.annotations=sidecar.istio.io/inject=false",
        "--set", "kubeflow.steps.trainer.shared_memory=2Gi",
        "--set", "kubeflow.steps.trainer.active_deadline=3600",
        "--set", "kubeflow.steps.trainer.run_as_user=1000",
        "--set", "kubeflow.steps.trainer.run_as_group=0",
    )  # fmt: skip
    assert package.kubernetes("trainer") == {
        "imagePullPolicy": "IfNotPresent",
        "nodeSelector": {"labels": {"disk": "ssd"}},
        "tolerations": [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "team", "operator": "Equal", "value": "ml", "effect": "NoExecute"},
        ],
        "pvcMount": [{"mountPath": "/models", "pvcNameParameter": constant("zoo")}],
        "secretAsVolume": [{"mountPath": "/secrets/key", "secretNameParameter": constant("api-key")}],
        "secretAsEnv": [
            {
                "keyToEnv": [{"envVar": "API_TOKEN", "secretKey": "token"}],
                "secretNameParameter": constant("api-key-env"),
            }
        ],
        "podMetadata": {"labels": {"team": "ml"}, "annotations": {"sidecar.istio.io/inject": "false"}},
        "emptyDirMounts": [
            {"volumeName": "dshm", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "2Gi"},  # noqa: S108
        ],
        "activeDeadlineSeconds": "3600",
        "securityContext": {"runAsUser": "1000", "runAsGroup": "0", "runAsNonRoot": True},
    }
    assert package.kubernetes("transform") == {"imagePullPolicy": "IfNotPresent", "securityContext": NON_ROOT}


def test_a_workspace_has_a_size_and_access_modes(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.workspace_size=3Gi")
    assert package.platform["platforms"]["kubernetes"]["pipelineConfig"] == {
        "workspace": {"size": "3Gi", "kubernetes": {"pvcSpecPatch": {"accessModes": ["ReadWriteOnce"]}}}
    }


def test_a_workspace_is_mounted_where_a_parameter_mentions_its_path(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.workspace_size=3Gi", "--set", "kubeflow.steps.trainer.workspace=true")
    assert package.task("trainer")["inputs"]["parameters"]["workspace_path"] == {
        "runtimeValue": {"constant": "{{$.workspace_path}}"}
    }
    assert package.component("trainer")["inputDefinitions"]["parameters"]["workspace_path"] == {
        "parameterType": "STRING"
    }
    assert "workspace_path" not in package.task("transform")["inputs"]["parameters"]
