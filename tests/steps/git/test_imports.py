"""How the code of a checkout gets into a step: through the container's command, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.small_run import ROOT, Run
from tests.steps.git.servers import Repository, SshServer
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.steps import source_checkout
from tfx_pipeline.steps.git.secrets import Secret

CHECKOUT_EXECUTOR = "tfx_pipeline.components.source_checkout.SourceCheckout_Executor"
TRANSFORM_EXECUTOR = "tfx_pipeline.components.transform.Executor"


def project_modules() -> dict[str, str]:
    """The project's own `modules`, by path."""
    return {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "modules").rglob("*.py")}


def write_modules(folder: Path, **changes: str) -> Path:
    """Writes the project's `modules` with a changed file each, as a checkout has them."""
    for name, text in project_modules().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changes.get(path.stem, text))
    return folder


def artifact(uri: Path, title: str, **metadata: Any) -> dict[str, Any]:
    return {"artifacts": [{"name": "1", "type": {"instanceSchema": title}, "uri": str(uri), "metadata": metadata}]}


def kind(title: str) -> str:
    return f"title: {title}\ntype: object\n"


def arguments(executor: str, message: dict[str, Any], spec: dict[str, Any]) -> list[str]:
    return [
        *("--executor_class_path", executor),
        *("--json_serialized_invocation_args", json.dumps(message)),
        *("--json_serialized_inputs_spec_args", json.dumps(spec)),
        "--direct_running_mode=in_memory",
    ]


def python(code: str, *arguments: str, **variables: str) -> str:
    """Runs code with the project importable, and returns what it printed or, where it failed, its last line."""
    command, env = [sys.executable, "-c", code, *arguments], {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return (done.stdout if done.returncode == 0 else done.stderr.splitlines()[-1]).strip()


ACTIVATE = (
    "import sys\nfrom tfx_pipeline.kubeflow.step.modules_checkout import import_modules_from_checkout\n"
    "message = {{'inputs': {{'artifacts': {{'source': {{'artifacts': [{{'uri': {uri!r}}}]}}, 'model': 1}}}}}}\n"
    "print(import_modules_from_checkout(message))\n"
)


def test_modules_come_from_the_checkout_and_all_else_from_the_image(tmp_path: Path) -> None:
    write_modules(tmp_path, features="CLASS_NAMES = ('mine',)\n")
    (tmp_path / "tfx_pipeline").mkdir()
    code = ACTIVATE.format(uri=str(tmp_path)) + (
        "from modules import features\nimport tfx_pipeline.process.errors\n"
        "print(features.__file__, features.CLASS_NAMES)\nprint(tfx_pipeline.process.errors.__file__)"
    )
    inputs, mine, project = python(code).splitlines()
    assert inputs == "{'inputs': {'artifacts': {'model': 1}}}"
    assert mine == f"{tmp_path}/modules/features.py ('mine',)"
    assert project == f"{ROOT}/tfx_pipeline/process/errors.py"


def test_processes_that_a_step_starts_import_from_the_checkout_too(tmp_path: Path) -> None:
    write_modules(tmp_path)
    child = "import modules, tfx_pipeline; print(modules.__file__, tfx_pipeline.__file__)"
    code = ACTIVATE.format(uri=str(tmp_path)) + (
        f"import subprocess\nprint(subprocess.check_output([sys.executable, '-c', {child!r}], text=True))"
    )
    # The working directory is the project's, as in the image.
    assert python(code).splitlines()[-1] == f"{tmp_path}/modules/__init__.py {ROOT}/tfx_pipeline/__init__.py"


def test_code_that_was_imported_before_is_not_mixed_with_the_checkouts(tmp_path: Path) -> None:
    code = "import modules\n" + ACTIVATE.format(uri=str(write_modules(tmp_path)))
    assert python(code) == "RuntimeError: modules was imported before the checkout was in place"


def test_checkout_that_was_not_downloaded_is_refused(tmp_path: Path) -> None:
    expected = f"FileNotFoundError: {tmp_path}: no modules/__init__.py in the checkout"
    assert python(ACTIVATE.format(uri=str(tmp_path))) == expected


def test_entrypoint_imports_no_modules_before_the_checkout_is_in_place() -> None:
    code = "import sys\nimport tfx_pipeline.kubeflow.entrypoint\nprint('modules' in sys.modules)"
    assert python(code) == "False"


def checkout_parameters(**changes: str) -> dict[str, str]:
    return {
        "repo_ref": "main",
        "ssh_secret": "ssh-key-secret",
        "ssh_dir": source_checkout.SSH_MOUNT,
        "token_secret": "",
        "token_dir": source_checkout.TOKEN_MOUNT,
        **changes,
    }


def test_container_command_checks_out_and_records_the_commit(
    ssh: SshServer, repository: Repository, ssh_secret: Secret, tmp_path: Path
) -> None:
    commit = repository.commit({"modules/models/mine.py": "DEPTH = 3\n"}, "Add a model")
    url = ssh.url(repository)
    parameters = checkout_parameters(repo_url=url, ssh_dir=str(ssh_secret.directory))
    output_file = tmp_path / "task/output_metadata.json"
    message = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"source": artifact(tmp_path / "task/source", kind("git.Checkout"))},
            "outputFile": str(output_file),
        },
    }
    assert entrypoint.main(arguments(CHECKOUT_EXECUTOR, message, {})) == 0
    source = json.loads(output_file.read_text())["artifacts"]["source"]["artifacts"][0]
    assert json.loads(source["metadata"].pop("seal"))["step"] == "source-checkout"
    assert source["metadata"] == {"commit": commit, "subject": "Add a model", "ref": "main", "url": url}
    assert Path(source["uri"], "modules/models/mine.py").read_text() == "DEPTH = 3\n"


def test_container_command_ends_with_one_line_where_the_secret_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = checkout_parameters(repo_url="git@h:x", ssh_secret="my-secret")
    message = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"source": artifact(tmp_path / "source", kind("git.Checkout"))},
            "outputFile": str(tmp_path / "output_metadata.json"),
        },
    }
    assert entrypoint.main(arguments(CHECKOUT_EXECUTOR, message, {})) == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("error: Secret my-secret: no key id_rsa or ssh-privatekey at /etc/ssh-key; make it with:")


REPORTING_TRAINER = """
from pathlib import Path

def run_fn(fn_args):
    Path(fn_args.serving_model_dir).mkdir(parents=True)
    print(fn_args.custom_config["checkpoint_dir"])
"""

TRAIN = """
from tfx.types.standard_artifacts import Examples, Model, ModelRun, TransformGraph
from tfx_pipeline.components.trainer import Executor
folder = Path(sys.argv[1])
def artifact(kind, name):
    result = kind()
    result.uri = str(folder / name)
    return result
examples = artifact(Examples, "examples")
examples.split_names = '["train", "eval"]'
properties = {"run_fn": "modules.trainer.run_fn", "code_digest": "", "train_args": "{}", "eval_args": "{}"}
properties |= {"model_name": "dense", "epochs": 1, "batch_size": 8, "learning_rate": 0.1, "seed": 1}
properties |= {"device": "auto", "precision": "auto", "determinism": "off"}
inputs = {"examples": [examples], "transform_graph": [artifact(TransformGraph, "graph")]}
Executor().Do(inputs, {"model": [artifact(Model, "model")], "model_run": [artifact(ModelRun, "run")]}, properties)
"""


@pytest.mark.e2e
def test_checkpoints_of_other_code_are_not_resumed(tmp_path: Path) -> None:
    folders = []
    for number in ("first", "second"):
        changes = {"trainer": REPORTING_TRAINER, "dense": f"# {number} edition\n"}
        checkout = write_modules(tmp_path / number / "checkout", **changes)
        code = f"from pathlib import Path\n{ACTIVATE.format(uri=str(checkout))}{TRAIN}"
        folders.append(python(code, str(tmp_path / number), TRAINER_CHECKPOINTS=str(tmp_path)).splitlines()[-1])
    assert all(folder.startswith(f"{tmp_path}/") for folder in folders)
    assert folders[0] != folders[1]


@pytest.mark.e2e
def test_transform_runs_the_preprocessing_of_the_checkout(first_run: Run, tmp_path: Path) -> None:
    changed = project_modules()["modules/preprocessing.py"].replace("MAX_PIXEL = 255.0", "MAX_PIXEL = 510.0")
    checkout = write_modules(tmp_path / "checkout", preprocessing=changed)
    graph = transform_graph(first_run, checkout, tmp_path)
    code = (
        "import tensorflow as tf\nimport tensorflow_transform as tft\n"
        f"layer = tft.TFTransformOutput({str(graph)!r}).transform_features_layer()\n"
        "image = tf.constant([[bytes([255]) * 784]])\n"
        "print(float(tf.reduce_max(layer({'image': image, 'label': tf.constant([[0]], tf.int64)})['pixels'])))"
    )
    assert python(code) == "0.5"


def transform_graph(run: Run, checkout: Path, folder: Path) -> Path:
    """Runs transform by the container's command on the examples of a run, with the code of a checkout."""
    inputs = {
        "examples": (run.artifact("example-gen", "examples"), "tfx.Examples", {"split_names": '["train", "eval"]'}),
        "schema": (run.artifact("schema-import", "schema"), "tfx.Schema", {}),
        "source": (checkout, "git.Checkout", {"commit": "0" * 40}),
    }
    outputs = {"transform_graph": "tfx.TransformGraph", "updated_analyzer_cache": "tfx.TransformCache"}
    message = {
        "inputs": {
            "artifacts": {key: artifact(uri, "", **metadata) for key, (uri, _, metadata) in inputs.items()},
            "parameterValues": {
                "preprocessing_fn": "modules.preprocessing.preprocessing_fn",
                "splits_config": '{"analyze": ["train"]}',
                "force_tf_compat_v1": 0,
                "disable_statistics": 1,
                "custom_config": "null",
            },
        },
        "outputs": {
            "artifacts": {key: artifact(folder / key, kind(title)) for key, title in outputs.items()},
            "outputFile": str(folder / "output_metadata.json"),
        },
    }
    spec = {
        "artifacts": {key: {"artifactType": {"instanceSchema": kind(title)}} for key, (_, title, _) in inputs.items()},
        "parameters": {key: {"parameterType": "NUMBER_INTEGER"} for key in ("force_tf_compat_v1", "disable_statistics")}
        | {key: {"parameterType": "STRING"} for key in ("preprocessing_fn", "splits_config", "custom_config")},
    }
    command = [sys.executable, *entrypoint.COMMAND[1:], *arguments(TRANSFORM_EXECUTOR, message, spec)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "transform_graph"
