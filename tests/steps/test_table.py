"""The table of the steps is the only place that knows their names, and says of each what its component is."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

import tfx_pipeline
from tests.small_run import ROOT
from tfx_pipeline.config.sections import Config, TuningConfig
from tfx_pipeline.pipeline import create_pipeline
from tfx_pipeline.steps import table
from tfx_pipeline.steps.git import CHECKOUT_KEY
from tfx_pipeline.steps.source_checkout import GitRepository

PACKAGE = Path(tfx_pipeline.__file__).parent
WHOLE = create_pipeline(
    Config(tuning=TuningConfig(trials=1)),
    pipeline_root="/root",
    serving_dir="/serving",
    repository=GitRepository("https://git.example.org/fashion", "main", "ssh", ""),
)
COMPONENTS = {component.id: component for component in WHOLE.components}

NAMES = {step.name for step in (*table.STEPS, table.NOTIFIER)} | {table.EVALUATOR.stage}
ALLOWED = {
    "config/kubeflow.py": "what its flags say to a person, in a room below the table",
    "steps/git/failures.py": "the setting that a person types, as a whole",
}


def texts(module: ast.Module) -> Iterator[str]:
    """The texts of a module but for those that stand alone, which say something to its reader."""
    alone = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value.replace("--data-gate", "the flag")


def names_in(path: Path) -> set[str]:
    """The steps that a file names: by a whole text, or with a hyphen, which no other word has, within one."""
    found = set()
    for text in texts(ast.parse(path.read_text())):
        found |= {name for name in NAMES if name == text or ("-" in name and re.search(rf"\b{name}\b", text))}
    return found


def test_no_other_file_knows_the_name_of_a_step() -> None:
    named = {str(path.relative_to(PACKAGE)): names_in(path) for path in PACKAGE.rglob("*.py")}
    assert named.pop("steps/table.py") >= NAMES
    assert {path: names for path, names in named.items() if names and path not in ALLOWED} == {}
    assert {path for path in ALLOWED if not named[path]} == set()


def test_the_steps_are_the_components_of_the_pipeline_in_an_order_in_which_they_can_run() -> None:
    assert {step.name for step in table.STEPS} == set(COMPONENTS)
    done: set[str] = set()
    for step in table.STEPS:
        assert {node.id for node in COMPONENTS[step.name].upstream_nodes} - {table.DATA_GATE.name} <= done
        done.add(step.name)


@pytest.mark.parametrize("step", table.STEPS, ids=lambda step: step.name)
def test_what_the_table_says_of_a_step_is_so(step: table.Step) -> None:
    component = COMPONENTS[step.name]
    module, _, name = step.component.rpartition(".")
    assert isinstance(component, getattr(import_module(module), name))
    assert isinstance(component.executor_spec, BeamExecutorSpec) == step.beam
    assert (CHECKOUT_KEY in component.inputs) == step.imports_modules


@pytest.mark.parametrize("step", [step for step in table.STEPS if step.work], ids=lambda step: step.name)
def test_the_function_that_does_the_work_of_a_light_step_takes_what_its_component_has(step: table.Step) -> None:
    module, _, name = step.work.rpartition(".")
    spec = COMPONENTS[step.name].spec
    function = getattr(import_module(module), name)
    assert set(inspect.signature(function).parameters) == {*spec.INPUTS, *spec.OUTPUTS, *spec.PARAMETERS}


def test_the_table_loads_neither_tensorflow_nor_tfx() -> None:
    code = (
        "import sys, tfx_pipeline.steps.table\n"
        "print(sorted({'tfx', 'tensorflow', 'apache_beam', 'kfp', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
