"""A value that a run is started with is checked by the step that uses it, as --param checks it before the start."""

import functools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from modules.hyperparameters import of_model
from tests.config.test_wrong_settings import out_of_range
from tests.kubeflow.conftest import Documents
from tests.kubeflow.step import backend
from tfx_pipeline.config.flags import Setting, settings
from tfx_pipeline.config.section import unset, value_type
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.kubeflow.client.arguments import parse_arguments
from tfx_pipeline.process.errors import UserError

FREE = {"data_version"}
"""Any text is right."""

WRONG: dict[str, tuple[str, ...]] = {
    "data_dir": ("images", "./x", "https://me:pass@host/x"),
    "model_name": ("", "resnet"),
    "baseline": ("", "newst", "-1", "1.5"),
    "repo_url": ("", "http://h/p", "git@h"),
    "repo_ref": ("", "a..b", "-x"),
}
"""Texts that a setting's own check refuses; what else is wrong follows from the declarations."""


def wrong_values(name: str) -> Iterator[Any]:
    """Values of the parameter's type that are not allowed."""
    yield from WRONG.get(name, ())
    setting = setting_of(name)
    if setting and any(
        get_origin(kind) is Literal for kind in (setting.field.annotation, *get_args(setting.field.annotation))
    ):
        yield from ("", "nonsense")
    if setting and value_type(setting.field) in (int, float):
        kind = value_type(setting.field)
        yield from (kind(value) for value in out_of_range(setting) if math.isfinite(value))


def setting_of(name: str) -> Setting | None:
    return next((setting for setting in settings() if setting.name == name), None)


def names() -> list[str]:
    """Every run parameter that follows from a setting; the serving place is tried in tests/serving."""
    sections = ("data", "training", "evaluation", "serving")
    own = [setting.name for setting in settings() if setting.path[0] in sections]
    return [*own, "repo_url", "repo_ref"]


@pytest.fixture(scope="module")
def whole(compiled: Callable[..., Documents]) -> Documents:
    """A package with every run parameter."""
    return compiled("--repo-url", "https://h/p")


def test_every_run_parameter_has_wrong_values_or_takes_any_text(whole: Documents) -> None:
    assert set(names()) == whole.parameters.keys() - {"serving_dir"}
    assert {name for name in names() if not list(wrong_values(name))} == FREE


SAID = {"data_gate": "data gate: got the mode ", "repo_url": "repository ", "repo_ref": "ref "}
"""How a step's line begins where the value has an error of its own."""

CASES = [(name, value) for name in names() for value in wrong_values(name)]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_wrong_value_is_refused_before_the_start(name: str, value: Any, whole: Documents) -> None:
    with pytest.raises(UserError) as error:
        parse_arguments([f"{name}={value}"], whole.parameters)
    assert str(error.value).startswith(
        SAID.get(name, f"--param {name}={value}") if "repo" in name else f"--param {name}"
    )
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_wrong_value_ends_the_steps_that_use_it_in_one_line(
    name: str, value: Any, package: Documents, whole: Documents, tmp_path: Path
) -> None:
    setting = setting_of(name)
    if setting and of_model(setting.field) and value == unset(setting.field):
        return  # the model's own
    # Without a checkout, the steps of one process can use the same modules.
    documents = package if name in package.parameters else whole
    uses = list(uses_of(documents, name))
    assert uses
    for step, key in uses:
        message = executor_input(documents, step, tmp_path / step)
        message["inputs"]["parameterValues"][key] = value
        words = [json.dumps(message) if word == "{{$}}" else word for word in documents.container(step)["args"]]
        args, beam_args = entrypoint.parse(words)
        specs = args.json_serialized_inputs_spec_args
        run = functools.partial(entrypoint.run, args.executor_class_path, message, specs, beam_args)
        failure = entrypoint.attempt(step, run)
        assert failure
        assert failure.line.startswith(SAID.get(name, f"run parameter {name}: "))
        assert len(failure.line.splitlines()) == 1
        assert len(failure.line) < 300
        assert not failure.may_pass
        assert [path for path in (tmp_path / step / "out").rglob("*") if path.is_file()] == []


def uses_of(package: Documents, name: str) -> Iterator[tuple[str, str]]:
    """The steps that are given a run parameter, and what each calls it."""
    for step in package.steps:
        for key, source in package.task(step).get("inputs", {}).get("parameters", {}).items():
            if source.get("componentInputParameter") == name:
                yield step, key


def executor_input(package: Documents, step: str, folder: Path) -> dict[str, Any]:
    """A step's input with the run parameters' defaults, empty artifacts and a blessing."""
    component = package.component(step)
    parameters = {
        key: source["runtimeValue"]["constant"]
        if "runtimeValue" in source
        else package.parameters[source["componentInputParameter"]]["defaultValue"]
        for key, source in package.task(step).get("inputs", {}).get("parameters", {}).items()
    }
    inputs = component.get("inputDefinitions", {}).get("artifacts", {})
    outputs = component["outputDefinitions"]["artifacts"]
    return {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {key: backend.read_back("5", f"{folder}/in/{key}", {"blessed": 1}) for key in inputs},
        },
        "outputs": {
            "artifacts": {
                key: backend.provisioned(key, f"{folder}/out/{key}", spec["artifactType"])
                for key, spec in outputs.items()
            },
            "outputFile": f"{folder}/out/output_metadata.json",
        },
    }
