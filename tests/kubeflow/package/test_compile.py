"""The pipeline spec, part by part."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kfp.client import client as kfp_client

from tests.kubeflow.conftest import Documents
from tfx_pipeline.kubeflow.package.pipeline_spec import _with_nearest
from tfx_pipeline.steps.graph import upstream


def test_the_package_has_the_one_schema_that_servers_accept(package: Documents) -> None:
    assert package.spec["schemaVersion"] == "2.1.0"
    assert package.spec["pipelineInfo"]["name"] == "fashion-mnist"


def test_the_steps_are_those_of_the_pipeline(package: Documents) -> None:
    assert package.steps == [
        "baseline-locator", "data-gate", "evaluation-review", "evaluator", "example-gen", "example-validator",
        "pusher", "schema-import", "statistics-gen", "trainer", "transform",
    ]  # fmt: skip


def test_every_container_runs_the_entrypoint_on_the_projects_image(package: Documents) -> None:
    for step in package.steps:
        assert package.container(step)["image"] == "tfx-fashion-mnist:0.1.0"
        assert package.container(step)["command"] == [
            "python3", "-m", "tfx_pipeline.kubeflow.entrypoint", "--kfp_compat", "kfp.dsl.executor_main",
        ]  # fmt: skip


def test_the_entrypoint_is_told_what_to_execute_and_the_types_of_its_inputs(package: Documents) -> None:
    args = package.container("trainer")["args"]
    assert args[:4] == [
        "--executor_class_path", "tfx_pipeline.components.trainer.Executor",
        "--json_serialized_invocation_args", "{{$}}",
    ]  # fmt: skip
    assert args[4] == "--json_serialized_inputs_spec_args"
    assert '"transform_graph"' in args[5]


def test_components_are_named_as_kubeflows_own_tools_expect(package: Documents) -> None:
    assert package.task("trainer")["componentRef"] == {"name": "comp-trainer"}
    assert sorted(package.spec["components"]) == [f"comp-{step}" for step in package.steps]


def test_run_parameters_have_a_type_and_a_default(package: Documents) -> None:
    assert {name: (p["parameterType"], p["defaultValue"]) for name, p in package.parameters.items()} == {
        "data_source": ("STRING", "auto"),
        "data_dir": ("STRING", ""),
        "data_version": ("STRING", ""),
        "limit": ("NUMBER_INTEGER", 0),
        "data_gate": ("STRING", "stop"),
        "baseline": ("STRING", "newest"),
        "model_name": ("STRING", "dense"),
        "epochs": ("NUMBER_INTEGER", 0),
        "batch_size": ("NUMBER_INTEGER", 0),
        "learning_rate": ("NUMBER_DOUBLE", 0.0),
        "label_smoothing": ("NUMBER_DOUBLE", -1.0),
        "class_weight": ("STRING", "equal"),
        "validation_fraction": ("NUMBER_DOUBLE", -1.0),
        "early_stopping": ("NUMBER_INTEGER", -1),
        "seed": ("NUMBER_INTEGER", 1),
        "device": ("STRING", "auto"),
        "precision": ("STRING", ""),
        "determinism": ("STRING", "off"),
        "min_accuracy": ("NUMBER_DOUBLE", 0.85),
        "min_class_accuracy": ("NUMBER_DOUBLE", 0.5),
        "max_accuracy_drop": ("NUMBER_DOUBLE", 0.01),
        "max_class_accuracy_drop": ("NUMBER_DOUBLE", 0.1),
        "keep_versions": ("NUMBER_INTEGER", 5),
        "serving_dir": ("STRING", "minio://mlpipeline/shared/fashion-mnist/serving"),
    }


def test_run_parameters_say_what_they_are(package: Documents) -> None:
    meaning = {name: parameter["description"] for name, parameter in package.parameters.items()}
    assert meaning["epochs"] == "passes over the training data (0: the model's own)"
    assert meaning["early_stopping"].endswith("(-1: the model's own)")
    assert meaning["precision"].endswith("(no text: the model's own)")
    assert meaning["data_dir"].endswith("(no text: none)")
    assert all(parameter["description"] for parameter in package.parameters.values())


def test_configured_values_are_the_defaults_of_the_run_parameters(compiled: Callable[..., Documents]) -> None:
    parameters = compiled("--epochs", "3", "--model", "cnn", "--learning-rate", "1e-2", "--limit", "500").parameters
    defaults = {name: parameters[name]["defaultValue"] for name in ("epochs", "model_name", "learning_rate", "limit")}
    assert defaults == {"epochs": 3, "model_name": "cnn", "learning_rate": 0.01, "limit": 500}


@pytest.mark.parametrize(
    ("step", "inputs"),
    [
        ("trainer", {"model_name": "model_name", "epochs": "epochs", "batch_size": "batch_size", "seed": "seed"}),
        ("example-gen", {"source": "data_source", "data_dir": "data_dir", "version": "data_version", "limit": "limit"}),
        ("baseline-locator", {"serving_dir": "serving_dir"}),
        ("pusher", {"serving_dir": "serving_dir", "keep_versions": "keep_versions"}),
        ("evaluator", {"min_accuracy": "min_accuracy", "max_class_accuracy_drop": "max_class_accuracy_drop"}),
    ],
)
def test_a_run_parameter_reaches_the_steps_that_use_it(step: str, inputs: dict[str, str], package: Documents) -> None:
    given = package.task(step)["inputs"]["parameters"]
    assert {name: given[name].get("componentInputParameter") for name in inputs} == inputs


def test_nothing_is_trained_before_the_data_gate_lets_it_through(package: Documents) -> None:
    assert package.task("trainer")["dependentTasks"] == ["baseline-locator", "data-gate", "transform"]


def test_transform_does_not_wait_for_the_data_gate(package: Documents) -> None:
    waits = {step: package.task(step).get("dependentTasks", []) for step in package.steps}
    assert upstream("transform", waits) == {"example-gen", "schema-import"}


def test_each_step_waits_for_the_nearest_alone(package: Documents) -> None:
    assert {step: package.task(step).get("dependentTasks", []) for step in package.steps} == {
        "baseline-locator": [],
        "data-gate": ["example-validator"],
        "evaluation-review": ["evaluator"],
        "evaluator": ["trainer"],
        "example-gen": [],
        "example-validator": ["statistics-gen"],
        "pusher": ["evaluator"],
        "schema-import": [],
        "statistics-gen": ["example-gen", "schema-import"],
        "trainer": ["baseline-locator", "data-gate", "transform"],
        "transform": ["example-gen", "schema-import"],
    }


def test_what_must_come_before_a_task_stays_when_the_nearest_alone_are_named() -> None:
    waits = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a"], "e": ["a", "b", "c", "d"]}
    reduced = _with_nearest({name: {"dependentTasks": before} if before else {} for name, before in waits.items()})
    nearest = {name: task.get("dependentTasks", []) for name, task in reduced.items()}
    assert nearest == {"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["c", "d"]}
    assert all(upstream(name, nearest) == upstream(name, waits) for name in waits)


def test_results_are_cached_except_where_a_step_looks_outside_the_run(package: Documents) -> None:
    cached = [step for step in package.steps if package.task(step)["cachingOptions"].get("enableCache")]
    assert set(package.steps) - set(cached) == {"baseline-locator"}


def test_caching_can_be_switched_off_for_all_steps_and_for_one(compiled: Callable[..., Documents]) -> None:
    assert not any(
        "enableCache" in compiled("--no-cache").task(step)["cachingOptions"] for step in ("trainer", "pusher")
    )
    one = compiled("--set", "kubeflow.steps.trainer.cache=false")
    assert one.task("trainer")["cachingOptions"] == {}
    assert one.task("transform")["cachingOptions"] == {"enableCache": True}


def test_a_failed_step_is_tried_again_after_a_growing_wait(package: Documents) -> None:
    assert package.task("trainer")["retryPolicy"] == {
        "maxRetryCount": 2, "backoffDuration": "30s", "backoffFactor": 2, "backoffMaxDuration": "604800s",
    }  # fmt: skip


def test_bad_data_is_not_looked_at_again(package: Documents) -> None:
    assert "retryPolicy" not in package.task("data-gate")
    assert {"STEP_RETRY_WAITS"} & {variable["name"] for variable in package.container("data-gate")["env"]} == set()


def test_each_step_asks_for_what_it_needs(package: Documents) -> None:
    assert package.container("trainer")["resources"] == {
        "resourceCpuRequest": "1",
        "resourceCpuLimit": "8",
        "resourceMemoryRequest": "1536Mi",
        "resourceMemoryLimit": "8Gi",
    }
    assert package.container("pusher")["resources"]["resourceMemoryRequest"] == "512Mi"
    assert all(len(package.container(step)["resources"]) == 4 for step in package.steps)


def test_gpus_are_the_trainers(compiled: Callable[..., Documents]) -> None:
    with_gpu = compiled("--gpus", "2")
    accelerators = {step: with_gpu.container(step)["resources"].get("accelerator") for step in with_gpu.steps}
    assert {step: a for step, a in accelerators.items() if a} == {
        "trainer": {"resourceType": "nvidia.com/gpu", "resourceCount": "2"}
    }


@pytest.mark.parametrize(
    ("flags", "device"),
    [
        ((), "auto"),
        (("--gpus", "1"), "gpu"),
        (("--gpus", "1", "--device", "auto"), "auto"),
        (("--set", "kubeflow.steps.trainer.gpus=1"), "gpu"),
    ],
)
def test_a_trainer_that_is_to_have_gpus_fails_without_one_unless_told_otherwise(
    compiled: Callable[..., Documents], flags: tuple[str, ...], device: str
) -> None:
    parameters = compiled(*flags).spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["device"]["defaultValue"] == device


def test_a_step_has_a_home_that_any_user_can_write_and_its_own_variables(compiled: Callable[..., Documents]) -> None:
    package = compiled(
        "--set", "kubeflow.env=TF_CPP_MIN_LOG_LEVEL=2", "--set", "kubeflow.steps.trainer.env=OMP_NUM_THREADS=4"
    )
    assert package.container("trainer")["env"] == [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108
        {"name": "OMP_NUM_THREADS", "value": "4"},
        {"name": "STEP_RETRY_WAITS", "value": "30 60"},
        {"name": "TF_CPP_MIN_LOG_LEVEL", "value": "2"},
    ]


def test_steps_that_reach_the_object_store_know_where_it_is(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.minio_endpoint=http://minio-service.kubeflow:9000")
    endpoint = {"name": "MINIO_ENDPOINT", "value": "http://minio-service.kubeflow:9000"}
    knowing = [step for step in package.steps if endpoint in package.container(step)["env"]]
    assert knowing == ["baseline-locator", "example-gen", "pusher"]


def test_one_step_can_have_an_image_of_its_own(compiled: Callable[..., Documents]) -> None:
    package = compiled(
        "--image", "registry.example.org/fashion:1", "--set", "kubeflow.steps.trainer.image=registry.example.org/gpu:1"
    )
    assert package.container("trainer")["image"] == "registry.example.org/gpu:1"
    assert package.container("evaluator")["image"] == "registry.example.org/fashion:1"


def test_the_same_settings_give_the_same_file(write_package: Callable[..., Path]) -> None:
    assert write_package("--epochs", "2").read_bytes() == write_package("--epochs", "2").read_bytes()


def test_kubeflows_client_reads_both_documents(write_package: Callable[..., Path]) -> None:
    document = kfp_client._extract_pipeline_yaml(str(write_package("--set", "kubeflow.workspace_size=3Gi")))
    assert document.pipeline_spec.pipeline_info.name == "fashion-mnist"
    assert "trainer_executor" in document.platform_spec.platforms["kubernetes"].deployment_spec.executors
    assert set(document.to_dict()) == {"pipeline_spec", "platform_spec"}
