"""What Kubeflow would reject is refused before it is written: a good package, broken in one place each."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.conftest import Documents, read_config
from tests.kubeflow.package.structure import check_structure
from tfx_pipeline.kubeflow.package.compile import write_package as write
from tfx_pipeline.kubeflow.package.dag_runner import Package, check
from tfx_pipeline.process.errors import UserError


def broken(package: Documents, change: Callable[[Documents], Any]) -> str:
    """Changes a copy of the package and returns why it is refused."""
    changed = copy.deepcopy(package)
    change(changed)
    problem = next(check_structure(*changed), None)
    if problem:
        return str(problem)
    with pytest.raises(UserError) as error:
        check(Package(*changed))
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("the package is not written, Kubeflow would refuse it: ")
    return message.removeprefix("the package is not written, Kubeflow would refuse it: ")


def rename(package: Documents, old: str, new: str) -> None:
    tasks = package.spec["root"]["dag"]["tasks"]
    tasks[new] = tasks.pop(old)
    for task in tasks.values():
        task["dependentTasks"] = [new if name == old else name for name in task.get("dependentTasks", [])]
        for source in task.get("inputs", {}).get("artifacts", {}).values():
            if source["taskOutputArtifact"]["producerTask"] == old:
                source["taskOutputArtifact"]["producerTask"] = new


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--set", "kubeflow.pods=component"],
        ["--tune", "2", "--notify-secret", "hook", "--repo-url", "https://example.org/a.git"],
        ["--serving-pvc", "models", "--set", "kubeflow.shared_memory=1Gi", "--set", "kubeflow.workspace_size=3Gi"],
    ],
)
def test_a_package_has_the_structure_that_the_backend_takes(
    flags: list[str], compiled: Callable[..., Documents]
) -> None:
    assert list(check_structure(*compiled(*flags))) == []


def test_a_good_package_passes(package: Documents) -> None:
    check(Package(*package))


def test_another_schema(package: Documents) -> None:
    reason = broken(package, lambda p: p.spec.update(schemaVersion="2.0.0"))
    assert reason == "package: has the schema 2.0.0, expected 2.1.0"


def test_a_pipeline_name_with_an_underscore(package: Documents) -> None:
    reason = broken(package, lambda p: p.spec["pipelineInfo"].update(name="fashion_mnist"))
    assert reason == "pipeline fashion_mnist: expected a name of lower case letters, digits and hyphens"


@pytest.mark.parametrize("name", ["latest_blessed", "Trainer.v2"])
def test_a_task_name_that_argo_does_not_take(name: str, package: Documents) -> None:
    reason = broken(package, lambda p: rename(p, "data-gate", name))
    assert reason.startswith(f"task {name}: Argo allows letters, digits and hyphens")


def test_a_task_name_that_leaves_no_room_for_its_driver(package: Documents) -> None:
    assert broken(package, lambda p: rename(p, "data-gate", "a" * 122)).endswith("longer than 121 characters")


def test_an_unknown_field_in_the_spec(package: Documents) -> None:
    assert 'no field named "retries"' in broken(package, lambda p: p.task("trainer").update(retries=3))


def test_a_run_parameter_without_a_default(package: Documents) -> None:
    reason = broken(package, lambda p: p.parameters["epochs"].pop("defaultValue"))
    assert reason == "parameter epochs: has no default, so that a run cannot be started without it"


def test_a_default_of_another_type(package: Documents) -> None:
    reason = broken(package, lambda p: p.parameters["epochs"].update(defaultValue="ten"))
    assert reason == "parameter epochs: has the default 'ten', which is no NUMBER_INTEGER"


def test_a_parameter_that_the_package_does_not_have(package: Documents) -> None:
    reason = broken(package, lambda p: p.parameters.pop("epochs"))
    assert reason == "task trainer: asks for the unknown run parameter epochs"


def test_a_value_that_another_task_makes(package: Documents) -> None:
    def change(p: Documents) -> None:
        p.task("trainer")["inputs"]["parameters"]["seed"] = {
            "taskOutputParameter": {"producerTask": "tuner_task", "outputParameterKey": "seed"}
        }

    assert broken(package, change).startswith("task trainer: depends on the unknown task tuner_task")


def test_a_resolver(package: Documents) -> None:
    def change(p: Documents) -> None:
        p.spec["deploymentSpec"]["executors"]["baseline-locator_executor"] = {"resolver": {}}

    assert broken(package, change).startswith("task baseline-locator: is a Resolver, which open-source Kubeflow cannot")


def test_an_importer_of_nothing(package: Documents) -> None:
    def change(p: Documents) -> None:
        p.spec["deploymentSpec"]["executors"]["schema-import_executor"] = {
            "importer": {"artifactUri": {"constant": ""}}
        }

    assert broken(package, change).startswith("task schema-import: imports an empty URI")


def test_a_lifecycle_hook(package: Documents) -> None:
    hook = {"preCacheCheck": {"command": ["driver"]}}
    reason = broken(package, lambda p: p.container("example-gen").update(lifecycle=hook))
    assert reason == "task example-gen: has a lifecycle hook, which open-source Kubeflow does not call"


def test_a_component_without_the_prefix_that_kubeflows_sdk_cuts_off(package: Documents) -> None:
    def change(p: Documents) -> None:
        p.spec["components"]["trainer"] = p.spec["components"].pop("comp-trainer")
        p.task("trainer")["componentRef"]["name"] = "trainer"

    assert broken(package, change).startswith("task trainer: its component trainer has a name without comp-")


def test_a_component_that_is_not_there(package: Documents) -> None:
    reason = broken(package, lambda p: p.spec["components"].pop("comp-trainer"))
    assert reason == "task trainer: its component comp-trainer is not in the package"


def test_an_executor_that_is_not_there(package: Documents) -> None:
    reason = broken(package, lambda p: p.component("trainer").update(executorLabel="gone"))
    assert reason.startswith("task trainer: its executor gone is not in the package")


@pytest.mark.parametrize("text", ["{{workflow.name}}", "{{=1+1}}", "a {{ b", "x{{$.pipeline_job_uuid}}"])
def test_what_argo_would_take_for_a_template(text: str, package: Documents) -> None:
    reason = broken(package, lambda p: p.container("trainer")["args"].append(text))
    assert reason == f"task trainer: {text!r} has {{{{ in it, which Argo takes for a template"


@pytest.mark.parametrize("text", ["$(HOME)/x", "costs 5$$"])
def test_what_kubernetes_would_replace(text: str, package: Documents) -> None:
    reason = broken(package, lambda p: p.container("trainer")["env"].append({"name": "X", "value": text}))
    assert reason == f"task trainer: {text!r} has $( or $$ in it, which Kubernetes replaces"


def test_a_default_that_argo_would_take_for_a_template(package: Documents) -> None:
    reason = broken(package, lambda p: p.parameters["data_version"].update(defaultValue="{{x}}"))
    assert reason == "parameter data_version: '{{x}}' has {{ in it, which Argo takes for a template"


def test_a_placeholder_that_the_driver_resolves_is_let_through(package: Documents) -> None:
    changed = copy.deepcopy(package)
    changed.container("trainer")["args"].append("{{$.pipeline_job_uuid}}")
    check(Package(*changed))


def test_settings_for_an_executor_that_is_not_in_the_package(package: Documents) -> None:
    executors = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert "trainer_executor" in executors

    def change(p: Documents) -> None:
        p.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["Trainer"] = {}

    assert broken(package, change) == "executor Trainer: has settings for Kubernetes but is not in the package"


def test_an_unknown_field_outside_of_an_executor_for_which_the_whole_document_would_be_dropped(
    package: Documents,
) -> None:
    reason = broken(package, lambda p: p.platform["platforms"]["kubernetes"].update(nodeSelector={}))
    assert reason.startswith("platform document: ")
    assert '"nodeSelector"' in reason


def test_an_unknown_field_of_an_executor(package: Documents) -> None:
    reason = broken(package, lambda p: p.kubernetes("trainer").update(nodeSelectors={}))
    assert reason.startswith("executor trainer_executor: ")
    assert '"nodeSelectors"' in reason


def test_fields_that_the_backend_ignores(package: Documents) -> None:
    memory = {"volumeName": "shm", "size": "1Gi"}
    reason = broken(package, lambda p: p.kubernetes("trainer").update(enabledSharedMemory=memory))
    assert reason.startswith("executor trainer_executor: has enabledSharedMemory, which the backend ignores")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (
            ["--set", "kubeflow.pvc_mounts=/a=disk", "--set", "kubeflow.pvc_mounts=/b=disk"],
            "mounts disk 2 times, and Kubeflow can mount it once; mount it at one path",
        ),
        (
            ["--set", "kubeflow.pvc_mounts=/a=disk", "--set", "kubeflow.secret_files=/b=disk"],
            "mounts disk 2 times, and Kubeflow can mount it once; mount it at one path",
        ),
        (
            ["--set", "kubeflow.pvc_mounts=/a=disk", "--set", "kubeflow.secret_files=/a=key"],
            "mounts 2 volumes at /a; give each a path of its own",
        ),
        (
            ["--set", "kubeflow.secret_files=/key=my.secret"],
            "mounts my.secret, and Kubeflow cannot mount what has a dot, or more than 63 characters, in its name",
        ),
        (
            ["--set", "kubeflow.pvc_mounts=/minio=disk"],
            "mounts a volume at /minio, where Kubeflow mounts its own; choose another path",
        ),
        (
            ["--set", "kubeflow.env=KEY=1", "--set", "kubeflow.secret_env=KEY=secret/key"],
            "sets the variable KEY 2 times; set it once, as a value or from a Secret",
        ),
        (
            ["--set", "kubeflow.env=KFP_POD_NAME=me"],
            "sets the variable KFP_POD_NAME, which is Kubeflow's own; give it another name",
        ),
        (
            ["--set", "kubeflow.memory_request=2Gi", "--set", "kubeflow.memory_limit=2000M"],
            "requests 2Gi of memory but is limited to 2000M; raise the limit",
        ),
        (
            ["--set", "kubeflow.cpu_request=1500m", "--set", "kubeflow.cpu_limit=1"],
            "requests 1500m of cpu but is limited to 1; raise the limit",
        ),
        (
            ["--set", "kubeflow.retry_window=0"],
            "its retry_window of 0 s is over before its retries have waited 90 s; raise it, or set retries=0",
        ),
        (
            ["--set", "kubeflow.retry_backoff=600", "--set", "kubeflow.retry_window=1800"],
            "its retry_window of 1800 s is over before its retries have waited 1800 s",
        ),
        (
            ["--set", "kubeflow.workspace=true"],
            "uses the workspace, which has no size; give one with --set kubeflow.workspace_size=3Gi",
        ),
    ],
)
def test_settings_that_no_pod_can_have(flags: list[str], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    with pytest.raises(UserError) as error:
        write(read_config(*flags), path)
    assert f": {reason}" in str(error.value)
    assert "task " in str(error.value)
    assert not path.exists()


def test_an_input_of_a_task_that_is_not_waited_for(package: Documents) -> None:
    reason = broken(package, lambda p: p.task("trainer").update(dependentTasks=["baseline-locator", "data-gate"]))
    assert reason == "task trainer: takes what transform makes, and does not wait for it"


def test_a_fractional_factor_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--set kubeflow\.retry_backoff_factor=1\.5: got '1\.5', expected"):
        read_config("--set", "kubeflow.retry_backoff_factor=1.5")


def test_a_fractional_factor_that_was_written_into_a_package_is_found(package: Documents) -> None:
    reason = broken(package, lambda p: p.task("trainer")["retryPolicy"].update(backoffFactor=1.5))
    assert reason == "task trainer: waits 1.5 times as long with each retry, and Argo takes whole numbers alone"


def test_a_step_without_retries_needs_no_window(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.retries=0", "--set", "kubeflow.retry_window=0")
    assert all("retryPolicy" not in package.task(step) for step in package.steps)


def test_a_package_that_is_refused_leaves_the_last_one_in_place(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text("the last one")
    with pytest.raises(UserError):
        write(read_config("--set", "kubeflow.workspace=true"), path)
    assert path.read_text() == "the last one"


def test_what_a_manifest_puts_beside_the_steps_has_settings_among_theirs(tmp_path: Path) -> None:
    flags = [f"kubeflow.steps.{name}.memory_limit=9Gi" for name in ("beam-worker", "tensorboard")]
    write(read_config(*(word for flag in flags for word in ("--set", flag))), tmp_path / "pipeline.yaml")
    assert (tmp_path / "pipeline.yaml").exists()


def test_settings_for_an_unknown_step_are_refused_naming_the_steps() -> None:
    with pytest.raises(UserError, match=r"^step trainers: has settings but is no step, expected one of .*, trainer, "):
        write(read_config("--set", "kubeflow.steps.trainers.gpus=1"), Path("unwritten.yaml"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--serving-dir", "/models"], "--serving-dir /models: baseline-locator mounts no volume there"),
        (["--serving-pvc", "models", "--serving-dir", "/servings"], "--serving-dir /servings: baseline-locator mounts"),
        (["--serving-dir", "models"], "--serving-dir models: got 'models', expected a path, s3://, gs:// or minio://"),
        (
            ["--serving-dir", "hdfs://a/b"],
            "--serving-dir hdfs://a/b: got 'hdfs://a/b', expected a path, s3://, gs:// or",
        ),
        (["--set", "kubeflow.serving_dir="], "--set kubeflow.serving_dir=: got '', expected a path, s3://, gs:// or"),
        (
            ["--set", "kubeflow.env=TRAINER_CHECKPOINTS=s3://bucket/a"],
            "TRAINER_CHECKPOINTS=s3://bucket/a: checkpoints need a folder",
        ),
        (["--data-dir", "data"], "--data-dir data: expected a path in the cluster, such as /data, or a URL"),
    ],
)
def test_a_place_that_a_pod_does_not_have_is_refused(flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        write(read_config(*flags), Path("unwritten.yaml"))


@pytest.mark.parametrize(
    "flags",
    [
        ["--serving-pvc", "models", "--serving-dir", "/serving/fashion"],
        ["--serving-dir", "/models/fashion", "--set", "kubeflow.pvc_mounts=/models=zoo"],
        ["--serving-dir", "s3://bucket/serving"],
    ],
)
def test_a_place_that_outlives_the_pod_is_taken(flags: list[str], compiled: Callable[..., Documents]) -> None:
    assert compiled(*flags).parameters["serving_dir"]["defaultValue"] == flags[flags.index("--serving-dir") + 1]


@pytest.mark.parametrize(
    ("path", "message"),
    [("pipeline.json", "expected .yaml"), ("nowhere/pipeline.yaml", "cannot be written: No such file or directory")],
)
def test_a_file_that_cannot_be_a_package_is_refused(path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        write(read_config(), tmp_path / path)
