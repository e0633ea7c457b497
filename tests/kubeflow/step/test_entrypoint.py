"""The container's command: what it runs, what it leaves, and how it fails."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.step import backend
from tests.saved_model import export_classifier
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.kubeflow.step import executor_input, light_steps, tfx_executor
from tfx_pipeline.record import seal
from tfx_pipeline.steps.schema_import import schema_digest

ROOT = Path(__file__).parents[3]
PACKAGE = "tfx_pipeline.components"
LOCATOR = f"{PACKAGE}.baseline_locator.BaselineLocator_Executor"
TYPES = {
    **dict.fromkeys(("baseline", "baseline_model", "model"), backend.MODEL_SCHEMA),
    "schema": "title: tfx.Schema\n",
    "model_blessing": backend.BLESSING_SCHEMA,
    "evaluation": backend.EVALUATION_SCHEMA,
    "pushed_model": "title: tfx.PushedModel\n",
}


def message_for(root: Path, inputs: dict[str, dict[str, Any]], outputs: list[str], **parameters: Any) -> dict[str, Any]:
    """A step's executor input with artifacts in a folder; `inputs` are the metadata of each."""
    artifacts = {key: backend.read_back("5", f"{root}/in/{key}", metadata) for key, metadata in inputs.items()}
    logs = backend.provisioned("executor-logs", f"{root}/out/executor-logs-0", {"schemaTitle": "system.Artifact"})
    provisioned = {
        key: backend.provisioned(key, f"{root}/out/{key}", {"instanceSchema": TYPES[key]}) for key in outputs
    }
    return {
        "inputs": {"artifacts": artifacts, "parameterValues": parameters},
        "outputs": {
            "artifacts": {**provisioned, "executor-logs": logs},
            "outputFile": str(root / "out" / "output_metadata.json"),
        },
    }


def spec_for(message: dict[str, Any]) -> dict[str, Any]:
    """The component's inputs, as TFX's compiler defines them."""
    inputs = message["inputs"]
    return {
        "artifacts": {key: {"artifactType": {"instanceSchema": TYPES[key]}} for key in inputs["artifacts"]},
        "parameters": {key: {"parameterType": "STRING"} for key in inputs["parameterValues"]},
    }


def arguments(executor: str, message: dict[str, Any]) -> list[str]:
    return [
        *("--kfp_compat", "kfp.dsl.executor_main"),
        *("--executor_class_path", f"{PACKAGE}.{executor}"),
        *("--json_serialized_invocation_args", json.dumps(message)),
        *("--json_serialized_inputs_spec_args", json.dumps(spec_for(message))),
        "--direct_running_mode=in_memory",
    ]


def call(executor: str, message: dict[str, Any], **env: str) -> "subprocess.CompletedProcess[str]":
    """Runs the container's command as the launcher does."""
    command = [sys.executable, *entrypoint.COMMAND[1:3], *arguments(executor, message)]
    environment = os.environ | env
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def serve_model(serving: Path) -> None:
    """Makes a serving directory with one version."""
    export_classifier(serving / "17")


def output_of(message: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(Path(message["outputs"]["outputFile"]).read_text())
    return result


def metadata_of(message: dict[str, Any], key: str) -> dict[str, Any]:
    result: dict[str, Any] = output_of(message)["artifacts"][key]["artifacts"][0]["metadata"]
    return {name: value for name, value in result.items() if name != seal.PROPERTY}


@pytest.mark.parametrize("path", sorted(light_steps.WORK))
def test_light_step_is_a_component_of_the_pipeline_with_the_same_keys(path: str) -> None:
    module, _, name = path.rpartition(".")
    component = getattr(importlib.import_module(module), name.removesuffix("_Executor"))
    executor = component.EXECUTOR_SPEC.executor_class
    assert f"{executor.__module__}.{executor.__qualname__}" == path
    step = light_steps.step_of(path)
    assert step is not None
    spec = component.SPEC_CLASS
    assert set(inspect.signature(step).parameters) == {*spec.INPUTS, *spec.OUTPUTS, *spec.PARAMETERS}


def test_step_of_another_executor_runs_through_tfx() -> None:
    assert light_steps.step_of("tfx.components.statistics_gen.executor.Executor") is None


@pytest.mark.parametrize("path", sorted(light_steps.WORK))
def test_light_step_starts_without_tfx_tensorflow_and_the_kubeflow_sdk(path: str) -> None:
    code = (
        "import sys\n"
        "from tfx_pipeline.kubeflow import entrypoint\n"
        f"from tfx_pipeline.kubeflow.step.light_steps import step_of\nstep_of({path!r})\n"
        "print(sorted({'tfx', 'tensorflow', 'apache_beam', 'kfp', 'ml_metadata'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_baseline_is_copied_and_described(tmp_path: Path) -> None:
    serve_model(tmp_path / "serving")
    message = message_for(tmp_path, {}, ["baseline"], serving_dir=str(tmp_path / "serving"))
    assert call("baseline_locator.BaselineLocator_Executor", message).returncode == 0
    assert metadata_of(message, "baseline") == {"version": 17, "source_uri": str(tmp_path / "serving" / "17")}
    pushed = tmp_path / "serving/17/saved_model.pb"
    assert (tmp_path / "out/baseline/Format-Serving/saved_model.pb").read_bytes() == pushed.read_bytes()


def test_baseline_that_is_none_has_words_where_the_page_looks_and_no_model(tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    message = message_for(tmp_path, {}, ["baseline"], serving_dir=str(serving))
    assert call("baseline_locator.BaselineLocator_Executor", message).returncode == 0
    note = f"no model was pushed to {serving} yet: there is no baseline"
    assert metadata_of(message, "baseline") == {"note": note}
    assert (tmp_path / "out/baseline").read_text() == f'note: "{note}"\n'


def test_parameter_for_the_backend_alone_does_not_reach_a_step(tmp_path: Path) -> None:
    message = message_for(tmp_path, {}, ["schema"], digest=schema_digest(), workspace_path="/kfp-workspace")
    assert call("schema_import.SchemaImport_Executor", message).returncode == 0
    assert (tmp_path / "out/schema/schema.pbtxt").is_file()


@pytest.mark.parametrize("serves", [True, False], ids=["with a model", "without a model"])
def test_step_writes_the_same_directly_as_under_tfx(serves: bool, tmp_path: Path) -> None:
    if serves:
        serve_model(tmp_path / "serving")
    message = message_for(tmp_path, {}, ["baseline"], serving_dir=str(tmp_path / "serving"))
    prepared = executor_input.prepare(message, spec_for(message))
    executor_input.make_directories(prepared)
    under_tfx = tfx_executor.run_executor(LOCATOR, prepared, spec_for(message), [])
    step = light_steps.step_of(LOCATOR)
    assert step is not None
    metadata = [
        output["artifacts"]["baseline"]["artifacts"][0].get("metadata", {})
        for output in (under_tfx, light_steps.run_step(step, prepared))
    ]
    metadata[0].pop("tfx_version")
    assert metadata[0] == metadata[1]
    assert metadata[1].keys() == ({"version", "source_uri"} if serves else {"note"})


def test_tfx_leaves_nothing_beside_the_output_file(tmp_path: Path) -> None:
    message = message_for(tmp_path, {}, ["schema"], digest=schema_digest())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / tfx_executor.OUTPUT_FILE).write_text("from an attempt that was killed")
    prepared = executor_input.prepare(message, spec_for(message))
    executor_input.make_directories(prepared)
    output = tfx_executor.run_executor(
        f"{PACKAGE}.schema_import.SchemaImport_Executor", prepared, spec_for(message), []
    )
    assert output["artifacts"]["schema"]["artifacts"][0]["uri"] == f"{tmp_path}/out/schema"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["schema"]
    assert "_KFP_RUNTIME" not in os.environ


def failing_message(root: Path) -> dict[str, Any]:
    return message_for(root, {}, ["baseline"], serving_dir="ftp://host/models")


@pytest.mark.parametrize("level", ["WARNING", "INFO"])
def test_what_a_user_can_mend_is_one_line_and_its_traceback_is_there_for_who_asks(level: str, tmp_path: Path) -> None:
    done = call("baseline_locator.BaselineLocator_Executor", failing_message(tmp_path), LIBRARY_LOG_LEVEL=level)
    *before, last = done.stderr.rstrip("\n").split("\n")
    assert done.returncode == 1
    assert last.startswith("error: ftp://host/models: models cannot be pushed there")
    assert any(line.startswith("Traceback") for line in before) == (level == "INFO")


def test_what_only_the_code_explains_is_shown_with_its_traceback(tmp_path: Path) -> None:
    done = call("no_such_component.Executor", failing_message(tmp_path))
    *before, last = done.stderr.rstrip("\n").split("\n")
    assert done.returncode == 1
    assert last.startswith("error: ImportError: Could not import")
    assert any(line.startswith("Traceback") for line in before)


def test_a_damaged_input_is_named_before_the_step_reads_it(tmp_path: Path) -> None:
    model = tmp_path / "in" / "model" / "Format-Serving"
    model.mkdir(parents=True)
    for name in ("saved_model.pb", "variables.index"):
        (model / name).write_bytes(b"graph")
    noted = {seal.PROPERTY: seal.sealed("trainer", str(model.parent))}
    inputs = {"model": noted, "model_blessing": {"blessed": 1.0}, "evaluation": {}, "baseline_model": {}}
    message = message_for(tmp_path, inputs, ["pushed_model"], serving_dir=str(tmp_path / "serving"), keep_versions=5)
    (model / "variables.index").unlink()
    done = call("pusher.Pusher_Executor", message)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {model}/variables.index: is missing, which is not what trainer left; run again with --no-cache"
    )
    assert not (tmp_path / "serving").exists()


def test_a_step_seals_what_it_wrote(tmp_path: Path) -> None:
    message = message_for(tmp_path, {}, ["schema"], digest=schema_digest())
    assert call("schema_import.SchemaImport_Executor", message).returncode == 0
    (schema,) = output_of(message)["artifacts"]["schema"]["artifacts"]
    assert schema["metadata"][seal.PROPERTY] == seal.sealed("schema-import", str(tmp_path / "out/schema"))


def test_arrays_in_an_error_are_not_printed(tmp_path: Path) -> None:
    (tmp_path / "raiser.py").write_text(
        "from tfx.dsl.components.base import base_executor\n"
        "class Executor(base_executor.BaseExecutor):\n"
        "    def Do(self, *_):\n        raise ValueError(f'outputs {[0.5] * 99_999} are wrong')\n"
    )
    message = message_for(tmp_path, {}, ["schema"])
    command = [sys.executable, "-m", "tfx_pipeline.kubeflow.entrypoint", *arguments("x", message)]
    command[command.index(f"{PACKAGE}.x")] = "raiser.Executor"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "error: ValueError: outputs [...] are wrong"
    assert "0.5, 0.5" not in done.stderr


def test_failing_step_leaves_no_output_file_not_even_an_older_one(tmp_path: Path) -> None:
    message = failing_message(tmp_path)
    output = Path(message["outputs"]["outputFile"])
    output.parent.mkdir()
    output.write_text("{}")
    assert call("baseline_locator.BaselineLocator_Executor", message).returncode == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(0)", "Executor: its code ended the program (SystemExit: 0)"),
        ("os._exit(0)", "Executor: its code ended the program (os._exit(0))"),
        ("ctypes.CDLL(None)._exit(0)", "the step's process ended before the step did"),
    ],
)
def test_step_whose_code_ends_the_program_has_failed(code: str, said: str, tmp_path: Path) -> None:
    """As ``sys.exit(0)`` in a model's file does."""
    (tmp_path / "leaver.py").write_text(
        "import ctypes, os, sys\nfrom tfx.dsl.components.base import base_executor\n"
        f"class Executor(base_executor.BaseExecutor):\n    def Do(self, *_):\n        {code}\n"
    )
    message = message_for(tmp_path, {}, ["schema"])
    command = [sys.executable, "-m", "tfx_pipeline.kubeflow.entrypoint", *arguments("x", message)]
    command[command.index(f"{PACKAGE}.x")] = "leaver.Executor"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.rstrip("\n").split("\n")[-1]
    assert last.startswith(f"error: {said}")
    assert not Path(message["outputs"]["outputFile"]).exists()


def test_step_succeeds_over_an_older_output_file(tmp_path: Path) -> None:
    message = message_for(tmp_path, {}, ["schema"], digest=schema_digest())
    output = Path(message["outputs"]["outputFile"])
    output.parent.mkdir()
    output.write_text('{"parameterValues": {"digest": "stale"}}')
    assert call("schema_import.SchemaImport_Executor", message).returncode == 0
    assert set(output_of(message)) == {"artifacts"}


def test_unknown_arguments_are_left_to_beam() -> None:
    message = message_for(Path("/r"), {}, [])
    args, beam_args = entrypoint.parse(arguments("x.Executor", message))
    assert args.executor_class_path == f"{PACKAGE}.x.Executor"
    assert beam_args == ["--direct_running_mode=in_memory"]
