"""A value that is declared in the configuration is everywhere: flag, run parameter, trainer, limits and page."""

import json
import re

import pytest

from tests.small_run import ROOT, runs
from tfx_pipeline.config.flags import settings

DECLARES_DROPOUT = """
import json, sys
from pathlib import Path
from modules import hyperparameters

class Hyperparameters(hyperparameters.Hyperparameters):
    dropout: float = hyperparameters._declared(
        0.25, "fraction of units left out", flag=True, of_model=False, ge=0, lt=1
    )

hyperparameters.Hyperparameters = Hyperparameters
from tfx_pipeline.components.trainer import HYPERPARAMETERS
from tfx_pipeline.config.flags import ArgumentParser, add_flags, load
from tfx_pipeline.kubeflow.client.arguments import parse_arguments
from tfx_pipeline.kubeflow.package.compile import compile_package
from tfx_pipeline.process.errors import UserError

parser = ArgumentParser()
add_flags(parser, ["training"])
spec = compile_package(load(vars(parser.parse_args(["--dropout", "0.5"])))).spec
parameters = spec["root"]["inputDefinitions"]["parameters"]
try:
    parse_arguments(["dropout=1"], parameters)
except UserError as error:
    refused = str(error)
found = {"parameter": parameters["dropout"], "refused": refused, "kind": HYPERPARAMETERS["dropout"].__name__}
found["trainer"] = spec["root"]["dag"]["tasks"]["trainer"]["inputs"]["parameters"]["dropout"]
Path(sys.argv[1]).write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def dropout(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What became of a hyperparameter that a program only declares."""
    folder = tmp_path_factory.mktemp("declared")
    (folder / "declares.py").write_text(DECLARES_DROPOUT)
    process = runs().start_program(str(folder / "declares.py"), str(folder / "found.json"))
    assert process.wait() == 0, process.console
    return json.loads((folder / "found.json").read_text())


def test_a_declared_hyperparameter_is_a_run_parameter_with_its_default_and_meaning(dropout: dict[str, object]) -> None:
    definition = {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5, "isOptional": True}
    assert dropout["parameter"] == definition | {"description": "fraction of units left out"}


def test_a_declared_hyperparameter_reaches_the_trainer(dropout: dict[str, object]) -> None:
    assert dropout["trainer"] == {"componentInputParameter": "dropout"}
    assert dropout["kind"] == "float"


def test_the_limits_of_a_declared_hyperparameter_hold_for_a_run(dropout: dict[str, object]) -> None:
    assert dropout["refused"] == "--param dropout=1: got '1', expected less than 1; see --help"


def test_every_setting_that_the_pages_name_is_there() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    settings_named = set(re.findall(r"--set ([a-z_]+\.[a-z_]+)", text))
    assert settings_named - {"section.key"} <= {setting.key for setting in settings()}
