"""The package with a notifier: the shape of kfp's own exit handler, checked as deep as without."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, components, dsl

from tests.kubeflow.conftest import Documents
from tests.kubeflow.package.structure import check_structure
from tfx_pipeline.kubeflow.package.dag_runner import Package, check
from tfx_pipeline.kubeflow.package.exit_step import tasks_of
from tfx_pipeline.process.errors import UserError


@pytest.fixture(scope="module")
def notified(compiled: Callable[..., Documents]) -> Documents:
    return compiled("--notify-secret", "hook")


def test_without_the_flag_there_is_neither_notifier_nor_graph_of_its_own(package: Documents) -> None:
    assert "trainer" in package.steps
    assert not {"notifier", "exit-handler"} & set(package.steps)
    assert not [name for name, component in package.spec["components"].items() if "dag" in component]


def test_every_other_step_is_what_it_is_without(package: Documents, notified: Documents) -> None:
    inner = notified.spec["components"]["comp-exit-handler"]["dag"]["tasks"]
    assert inner == package.spec["root"]["dag"]["tasks"]
    assert notified.parameters == package.parameters
    for part in ("components", "deploymentSpec"):
        own = notified.spec[part] if part == "components" else notified.spec[part]["executors"]
        before = package.spec[part] if part == "components" else package.spec[part]["executors"]
        assert {name: own[name] for name in before} == before


def test_its_shape_is_that_of_kfps_own_exit_handler(notified: Documents, tmp_path: Path) -> None:
    @dsl.container_component
    def work(text: str) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="i", command=["x", text])

    @dsl.container_component
    def last(run: str, status: dsl.PipelineTaskFinalStatus) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="i", command=["x", run])

    @dsl.pipeline(name="p")
    def pipeline(model: str = "dense") -> None:
        with dsl.ExitHandler(last(run=dsl.PIPELINE_JOB_ID_PLACEHOLDER)):  # type: ignore[call-arg]
            work(text=model)

    compiler.Compiler().compile(pipeline, str(tmp_path / "p.yaml"))
    theirs = components.load_component_from_file(str(tmp_path / "p.yaml")).pipeline_spec
    ours = components.load_component_from_text(yaml.safe_dump_all(notified)).pipeline_spec
    their_task, our_task = theirs.root.dag.tasks["last"], ours.root.dag.tasks["notifier"]
    assert our_task.trigger_policy == their_task.trigger_policy
    assert our_task.dependent_tasks == ["exit-handler"]
    assert our_task.inputs.parameters["run"] == their_task.inputs.parameters["run"]
    assert our_task.inputs.parameters["status"].WhichOneof("kind") == "task_final_status"
    assert our_task.inputs.parameters["status"].task_final_status.producer_task == "exit-handler"
    definitions = [
        spec.components[f"comp-{name}"].input_definitions.parameters["status"]
        for spec, name in ((theirs, "last"), (ours, "notifier"))
    ]
    assert definitions[0] == definitions[1]
    handlers = [
        spec.root.dag.tasks[name].inputs.parameters[key].component_input_parameter
        for spec, name, key in (
            (theirs, "exit-handler-1", "pipelinechannel--model"),
            (ours, "exit-handler", "model_name"),
        )
    ]
    assert handlers == ["model", "model_name"]
    assert not ours.root.dag.tasks["notifier"].caching_options.enable_cache


def test_the_notifier_is_light_and_starts_without_its_secret(notified: Documents) -> None:
    executor = notified.spec["deploymentSpec"]["executors"]["notifier_executor"]["container"]
    assert executor["command"][:3] == ["python3", "-m", "tfx_pipeline.kubeflow.notifier"]
    assert executor["resources"]["resourceMemoryRequest"] == "512Mi"
    settings = notified.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["notifier_executor"]
    (secret,) = settings["secretAsVolume"]
    assert secret["secretNameParameter"] == {"runtimeValue": {"constant": "hook"}}
    assert (secret["mountPath"], secret["optional"]) == ("/etc/notify", True)
    assert int(settings["activeDeadlineSeconds"]) > 0
    assert "notifier" in tasks_of(notified.spec)


def test_it_expects_the_steps_that_the_package_has(
    package: Documents, notified: Documents, compiled: Callable[..., Documents]
) -> None:
    staged_steps = compiled("--set", "kubeflow.pods=stage").steps
    staged = compiled("--notify-secret", "hook", "--set", "kubeflow.pods=stage")
    for documents, steps in ((notified, package.steps), (staged, staged_steps)):
        values = documents.task("notifier")["inputs"]["parameters"]
        assert json.loads(values["steps"]["runtimeValue"]["constant"]) == steps
        assert sorted(tasks_of(documents.spec)) == sorted([*steps, "notifier"])


def test_it_takes_settings_of_its_own(compiled: Callable[..., Documents]) -> None:
    done = compiled("--notify-secret", "hook", "--set", "kubeflow.steps.notifier.env.https_proxy=http://proxy:3128")
    env = done.spec["deploymentSpec"]["executors"]["notifier_executor"]["container"]["env"]
    assert {"name": "https_proxy", "value": "http://proxy:3128"} in env


def test_settings_of_a_notifier_that_there_is_not_are_refused(compiled: Callable[..., Documents]) -> None:
    with pytest.raises(UserError, match=r"^step notifier: has settings but is no step"):
        compiled("--set", "kubeflow.steps.notifier.gpus=1")


def _unknown_parameter(spec: dict[str, Any]) -> None:
    spec["components"]["comp-exit-handler"]["inputDefinitions"]["parameters"].pop("epochs")


def _unknown_producer(spec: dict[str, Any]) -> None:
    tasks = spec["components"]["comp-exit-handler"]["dag"]["tasks"]
    tasks["example-gen"]["dependentTasks"] = ["nobody"]


def _template(spec: dict[str, Any]) -> None:
    spec["components"]["comp-exit-handler"]["dag"]["tasks"]["trainer"]["taskInfo"]["name"] = "{{workflow.name}}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_unknown_parameter, "asks for the unknown run parameter epochs"),
        (_unknown_producer, "depends on the unknown task nobody"),
    ],
)
def test_the_structure_of_the_graph_is_checked(
    notified: Documents, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    spec = copy.deepcopy(notified.spec)
    assert list(check_structure(spec, notified.platform)) == []
    change(spec)
    assert any(reason in str(problem) for problem in check_structure(spec, notified.platform))


def test_a_template_in_the_graph_is_refused(notified: Documents) -> None:
    spec = copy.deepcopy(notified.spec)
    _template(spec)
    with pytest.raises(UserError, match="which Argo takes for a template"):
        check(Package(spec, notified.platform))


def test_resources_of_the_steps_in_the_graph_are_checked(notified: Documents) -> None:
    spec = copy.deepcopy(notified.spec)
    spec["deploymentSpec"]["executors"]["trainer_executor"]["container"]["resources"]["resourceCpuRequest"] = "64"
    with pytest.raises(UserError, match="task trainer: requests 64 of cpu"):
        check(Package(spec, notified.platform))


@pytest.mark.parametrize("name", ["Hook", "hook_1", "", "a" * 300])
def test_a_secrets_name_that_is_none_is_refused(name: str, compiled: Callable[..., Documents]) -> None:
    with pytest.raises(UserError, match=r"^--notify-secret"):
        compiled("--notify-secret", name)


def test_a_secrets_name_with_a_dot_cannot_be_mounted(compiled: Callable[..., Documents]) -> None:
    with pytest.raises(UserError, match=r"mounts hook\.org, and Kubeflow cannot mount what has a dot"):
        compiled("--notify-secret", "hook.org")
