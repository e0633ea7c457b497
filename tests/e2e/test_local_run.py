"""python local_runner.py, from the data to the pushed model, as a person runs it."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from tests.conftest import Split
from tests.small_run import QUICK, ROOT, Run, local_runner
from tfx_pipeline.data import idx, sources

pytestmark = pytest.mark.e2e

COMPONENTS = [
    "example-gen", "statistics-gen", "schema-import", "example-validator", "data-gate",
    "transform", "trainer", "baseline-locator", "evaluator", "pusher",
]  # fmt: skip
"""Those that this module speaks of; others may stand beside them."""
ALWAYS_RUN = {"baseline-locator", "evaluator", "evaluation-review", "pusher"}
"""The locator, which looks at the serving directory, and what depends on it."""


LABELS_HEADER = b"\0\0\x08\x01\0\0\0\x32"
"""The header of an IDX file of 50 labels."""


def executions(output: Path) -> list[tuple[str, str, int]]:
    """ML Metadata's executions: run, component and state."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(output / "metadata.db")
    store = MetadataStore(config)
    return [
        (run.name, component, execution.last_known_state)
        for run in store.get_contexts_by_type("pipeline_run")
        for execution in store.get_executions_by_context(run.id)
        for component in [
            context.name.rpartition(".")[2]
            for context in store.get_contexts_by_execution(execution.id)
            if context.type == "node"
        ]
    ]


def states_of(output: Path, run_id: str) -> dict[str, int]:
    """The states of a run's components in ML Metadata."""
    return {component: state for run, component, state in executions(output) if run == run_id}


@pytest.fixture(scope="module")
def first_run(dataset: sources.VerifiedFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A first run of this module's own, in a process that loads all it needs: later runs write into its directory."""
    output = tmp_path_factory.mktemp("e2e") / "output"
    command = [sys.executable, "local_runner.py", "--output-dir", str(output), *QUICK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return Run(output, done.stdout + done.stderr, done.returncode)


@pytest.fixture(scope="module")
def second_run(first_run: Run) -> tuple[Run, dict[str, object]]:
    """The same command again, and the manifest of the first run."""
    before = first_run.manifest
    return local_runner(first_run.output, *QUICK), before


def test_the_first_run_executes_everything_and_pushes_a_model(
    second_run: tuple[Run, dict[str, object]], first_run: Run
) -> None:
    _, manifest = second_run
    states = {component["id"]: component["state"] for component in manifest["components"]}
    assert first_run.code == 0, first_run.console
    assert {states[component] for component in COMPONENTS} == {"succeeded"}
    assert (manifest["status"], manifest["error"], manifest["blessed"], manifest["baseline"]) == (
        "succeeded", None, True, None,
    )  # fmt: skip
    assert Path(manifest["pushed"], "saved_model.pb").is_file()
    complete = metadata_store_pb2.Execution.COMPLETE
    assert set(states_of(first_run.output, manifest["run_id"]).values()) == {complete}


def test_beam_runs_inside_the_process_and_downloads_nothing(first_run: Run) -> None:
    assert "prism" not in first_run.log.lower()


def test_the_pushed_model_is_right_as_often_as_the_run_says(
    first_run: Run, second_run: tuple[Run, dict[str, object]], dataset: sources.VerifiedFiles
) -> None:
    _, manifest = second_run
    images = idx.read_images(f"{dataset.path}/t10k-images-idx3-ubyte", 0, 1000)
    labels = idx.read_labels(f"{dataset.path}/t10k-labels-idx1-ubyte", 0, 1000)
    model = tf.saved_model.load(manifest["pushed"])
    classes = model.signatures["serving_images"](images=tf.constant(images))["classes"]
    assert manifest["metrics"]["accuracy"] == pytest.approx(np.mean(classes == labels), abs=1e-6)
    assert manifest["metrics"]["num_examples"] == 1000
    assert manifest["data"]["counts"] == {"train": 1000, "eval": 1000}
    assert manifest["data"]["digest"] == dataset.digest


def test_the_same_command_again_executes_only_the_locator_and_what_depends_on_it(
    second_run: tuple[Run, dict[str, object]],
) -> None:
    run, first = second_run
    states = run.states()
    assert run.code == 0, run.console
    assert {component for component, state in states.items() if state == "succeeded"} <= ALWAYS_RUN
    assert all(states[component] == "cached" for component in COMPONENTS if component not in ALWAYS_RUN)
    cached = {
        c for c, s in states_of(run.output, run.manifest["run_id"]).items() if s == metadata_store_pb2.Execution.CACHED
    }
    assert cached == {component for component, state in states.items() if state == "cached"}
    assert f"Nothing changed for {len(cached)} of {len(states)} components: reused." in run.console
    assert str(run.manifest["baseline"]) == Path(str(first["pushed"])).name
    assert run.manifest["metrics"] == first["metrics"]


def test_the_same_configuration_without_the_cache_gives_the_same_metrics(
    second_run: tuple[Run, dict[str, object]], tmp_path: Path
) -> None:
    _, first = second_run
    run = local_runner(tmp_path / "output", *QUICK, "--no-cache")
    assert run.manifest["metrics"] == first["metrics"]
    assert "cached" not in run.states().values()


def test_a_model_alone_is_trained_like_one_with_its_own_settings_named(tmp_path: Path) -> None:
    few = ("--limit", "1000", "--min-accuracy", "0.5", "--min-class-accuracy", "0", "--device", "cpu")
    alone = local_runner(tmp_path / "output", *few)
    assert alone.code == 0, alone.console
    own = {"epochs": 10, "batch_size": 256, "learning_rate": 0.004, "precision": "float32"}
    assert alone.manifest["config"]["training"].items() >= own.items()
    metrics, shown = alone.manifest["metrics"], (alone.output / "report" / "index.html").read_text()
    assert all(f"<dt>{name}</dt><dd>{value}</dd>" in shown for name, value in own.items())
    named = local_runner(tmp_path / "output", *few, *(f"--{n.replace('_', '-')}={v}" for n, v in own.items()))
    assert named.states()["trainer"] == "succeeded"
    assert named.manifest["metrics"] == metrics


def test_a_worse_model_is_refused_with_the_reason_and_not_pushed(
    second_run: tuple[Run, dict[str, object]],
) -> None:
    good, _ = second_run
    versions = sorted(path.name for path in (good.output / "serving").iterdir())
    run = local_runner(good.output, *QUICK, "--epochs", "1", "--learning-rate", "0.00001", "--min-accuracy", "0.3")
    assert run.code == 0, run.console
    manifest = run.manifest
    assert (manifest["blessed"], manifest["pushed"]) == (False, None)
    assert any("accuracy is" in reason and "required" in reason for reason in manifest["refusals"])
    assert any("below the baseline's" in reason for reason in manifest["refusals"])
    assert "REFUSED, not pushed" in run.console
    assert sorted(path.name for path in (good.output / "serving").iterdir()) == versions


def test_a_label_outside_the_classes_stops_the_run_before_training(
    idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    def spoil(splits: dict[str, Split]) -> None:
        splits["train"].labels[17] = 11

    run = local_runner(tmp_path / "output", "--data-dir", str(idx_folder(alter=spoil)), *QUICK)
    states = run.states()
    assert run.code == 1
    assert states["data-gate"] == "failed"
    assert {states[component] for component in ("transform", "trainer", "evaluator", "pusher")} == {"not run"}
    (line,) = [line for line in run.console.splitlines() if line.startswith("error: ")]
    assert "label" in line
    assert "train" in line
    assert run.manifest["error"] == line.removeprefix("error: ")
    assert "Traceback" not in run.console
    assert "Traceback" in run.log
    assert not (run.output / "serving").exists()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "train-images-idx3-ubyte").unlink(), "train-images-idx3-ubyte"),
        (
            lambda folder: (folder / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x32"),
            "t10k-labels-idx1-ubyte",
        ),
    ],
    ids=["missing", "truncated"],
)
def test_broken_files_end_the_run_with_one_line_and_lose_nothing(
    second_run: tuple[Run, dict[str, object]],
    idx_folder: Callable[..., Path],
    spoil: Callable[[Path], object],
    expected: str,
) -> None:
    good, _ = second_run
    serving = sorted(str(path) for path in (good.output / "serving").rglob("*"))
    folder = idx_folder()
    spoil(folder)
    run = local_runner(good.output, "--data-dir", str(folder), "--clean")
    assert run.code == 1
    (line,) = [line for line in run.console.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert "Traceback" not in run.console
    assert sorted(str(path) for path in (good.output / "serving").rglob("*")) == serving
    with sqlite3.connect(good.output / "metadata.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert json.loads((good.output / "run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(["--epoch", "1"], "did you mean --epochs?"), (["--min-accuracy", "7"], "--min-accuracy 7")],
)
def test_a_wrong_flag_ends_the_program_with_one_line_and_code_2(
    flags: list[str], expected: str, tmp_path: Path
) -> None:
    command = [sys.executable, "local_runner.py", "--output-dir", str(tmp_path / "output"), *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "output").exists()
