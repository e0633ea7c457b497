"""A package that was compiled months ago runs with a newer image: what it names is still there."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest
from tfx.dsl.components.base.base_executor import BaseExecutor

from tests.kubeflow.conftest import Documents
from tests.small_run import ROOT
from tfx_pipeline.config.renamed import PARAMETERS
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.kubeflow.step.light_steps import step_of

COMMAND = ("python3", "-m", "tfx_pipeline.kubeflow.entrypoint", "--kfp_compat", "kfp.dsl.executor_main")
STEPS = {
    "source-checkout": "tfx_pipeline.components.source_checkout.SourceCheckout_Executor",
    "example-gen": "tfx_pipeline.components.example_gen.Executor",
    "schema-import": "tfx_pipeline.components.schema_import.SchemaImport_Executor",
    "statistics-gen": "tfx_pipeline.components.statistics_gen.Executor",
    "example-validator": "tfx.components.example_validator.executor.Executor",
    "data-gate": "tfx_pipeline.components.data_gate.Executor",
    "transform": "tfx.components.transform.executor.Executor",
    "trainer": "tfx_pipeline.components.trainer.Executor",
    "baseline-locator": "tfx_pipeline.components.baseline_locator.BaselineLocator_Executor",
    "evaluator": "tfx_pipeline.components.evaluator.Executor",
    "pusher": "tfx_pipeline.components.pusher.Pusher_Executor",
    "evaluation-review": "tfx_pipeline.components.evaluation_review.Executor",
}
"""The steps of a package of November 2026 and their executor classes."""

LIGHT_STEPS = {
    "source-checkout": {"source", "repo_ref", "repo_url", "ssh_dir", "ssh_secret", "token_dir", "token_secret"},
    "schema-import": {"schema", "digest"},
    "baseline-locator": {"baseline", "serving_dir"},
    "pusher": {
        *("model", "model_blessing", "pushed_model", "baseline_model", "evaluation"),
        *("keep_versions", "serving_dir"),
    },
}
"""Inputs, outputs and parameters by which that package calls a step without TFX."""

RUN_PARAMETERS = {
    *("batch_size", "data_dir", "data_gate", "data_source", "data_version", "determinism", "device", "epochs"),
    *("keep_versions", "learning_rate", "limit", "max_accuracy_drop", "max_class_accuracy_drop", "min_accuracy"),
    *("min_class_accuracy", "model", "precision", "repo_ref", "repo_url", "seed", "serving_dir"),
}


def test_its_command_runs() -> None:
    assert entrypoint.COMMAND == COMMAND
    command = [sys.executable, *COMMAND[1:3], "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--executor_class_path" in done.stdout


@pytest.mark.parametrize("path", [*STEPS.values(), "tfx_pipeline.components.transform.Executor"])
def test_its_executor_classes_are_found(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert issubclass(getattr(import_module(module), name), BaseExecutor)


@pytest.mark.parametrize("step", LIGHT_STEPS)
def test_its_light_steps_are_called_as_it_calls_them(step: str) -> None:
    function = step_of(STEPS[step])
    assert function is not None
    parameters = inspect.signature(function).parameters
    newer = parameters.keys() - LIGHT_STEPS[step]
    assert set(parameters) == LIGHT_STEPS[step] | newer
    assert all(parameters[name].default is not inspect.Parameter.empty for name in newer)


@pytest.mark.parametrize("function", ["modules.preprocessing.preprocessing_fn", "modules.trainer.run_fn"])
def test_the_users_functions_are_where_it_names_them(function: str) -> None:
    module, _, name = function.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_its_steps_and_run_parameters_have_kept_their_names(
    compiled: Callable[..., Documents],
) -> None:
    package: Documents = compiled("--repo-url", "git@git.example.org:ml/fashion.git", "--repo-ref", "main")
    assert set(package.steps) == set(STEPS)
    assert set(package.parameters) >= {PARAMETERS.get(name, name) for name in RUN_PARAMETERS}
    assert package.component("source-checkout")["outputDefinitions"]["artifacts"].keys() == {"source"}
    assert "source" in package.component("trainer")["inputDefinitions"]["artifacts"]
