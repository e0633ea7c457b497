"""Runs that are killed, interrupted or started twice: nothing is lost, nothing looks finished that is not."""

import json
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from tests.prefork import Runs
from tests.small_run import Run, local_runner
from tfx_pipeline.serving.versions import MODEL_CARD

pytestmark = pytest.mark.e2e

EPOCHS = 12
FLAGS = ("--limit", "1000", "--epochs", str(EPOCHS), "--min-accuracy", "0.5", "--min-class-accuracy", "0")
COMPLETE, FAILED, CACHED, RUNNING = (
    metadata_store_pb2.Execution.State.Value(name) for name in ("COMPLETE", "FAILED", "CACHED", "RUNNING")
)


@pytest.fixture(scope="module")
def uninterrupted(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a run that nothing disturbs."""
    output = tmp_path_factory.mktemp("uninterrupted") / "output"
    process = runs.start("--output-dir", str(output), *FLAGS)
    assert process.wait() == 0, process.console
    return json.loads((output / "run.json").read_text())


def executions(output: Path) -> list[tuple[int, list[Path]]]:
    """The state of every execution in ML Metadata, and where its outputs are."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(output / "metadata.db")
    store = MetadataStore(config)
    found = []
    for execution in store.get_executions():
        events = store.get_events_by_execution_ids([execution.id])
        ids = [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
        found.append((execution.last_known_state, [Path(artifact.uri) for artifact in store.get_artifacts_by_id(ids)]))
    return found


def assert_what_looks_finished_is(output: Path) -> None:
    for state, outputs in executions(output):
        assert state in (COMPLETE, FAILED, CACHED)
        assert bool(outputs) == (state != FAILED)
        assert all(path.exists() for path in outputs)


def epochs(console: str) -> list[int]:
    return [int(number) for number in re.findall(rf"epoch (\d+)/{EPOCHS}", console)]


@pytest.mark.thorough("modules/", "tfx_pipeline/local/", "tfx_pipeline/components/", "tfx_pipeline/process/")
def test_runs_killed_at_every_component_and_ten_times_in_the_trainer_end_as_if_they_had_not_been(
    runs: Runs, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    moments = random.Random(1)  # noqa: S311 - moments, not secrets
    components = [component["id"] for component in uninterrupted["components"]]
    kills = [name for component in components for name in [component] * (11 if component == "trainer" else 1)]
    trained: list[int] = []
    codes: list[int] = []
    for component in kills:
        process = runs.start("--output-dir", str(output), *FLAGS)
        if component == "trainer" and trained and moments.random() < 0.5:
            # Where an earlier one came to the end of its training, there is no epoch any more.
            process.wait_for("epoch ", "trainer")
        else:
            process.wait_in(output, component)
        time.sleep(moments.uniform(0, 1 if component == "trainer" else 0.2))
        codes.append(process.kill())
        assert codes[-1] in (-signal.SIGKILL, 0), process.console
        assert process.left_over() == []
        if seen := epochs(process.console):
            # The line of an epoch is written before its checkpoint: it may come once more.
            assert seen == list(range(seen[0], seen[-1] + 1))
            assert seen[0] in ((trained or [0])[-1], (trained or [0])[-1] + 1)
            trained += seen
    assert len(trained) >= EPOCHS
    last = local_runner(output, *FLAGS)
    assert last.code == 0, last.console
    # The last steps are so short that the whole run may be over before the signal is there.
    assert codes.count(-signal.SIGKILL) >= len(kills) - 4
    noted = "ended before its run did; this run goes on from what it left" in last.console
    assert noted == (codes[-1] == -signal.SIGKILL)
    states = last.states()
    assert {states[component] for component in components[:8] if component != "baseline-locator"} == {"cached"}
    assert last.manifest["metrics"] == uninterrupted["metrics"]
    assert_what_looks_finished_is(output)
    assert not (output / "pipeline" / "trainer" / ".checkpoints").exists()
    assert not list((output / "serving").glob(".*"))
    assert Path(last.manifest["pushed"], "saved_model.pb").is_file()


def test_a_killed_training_ends_early_at_the_same_epoch_and_keeps_the_same_one(runs: Runs, tmp_path: Path) -> None:
    settings = ("training.validation_fraction=0.3", "training.early_stopping=2", "training.batch_size=32")
    flags = (*FLAGS, "--learning-rate", "0.03", *(word for setting in settings for word in ("--set", setting)))
    whole = runs.start("--output-dir", str(tmp_path / "whole"), *flags)
    assert whole.wait() == 0, whole.console
    (end,) = re.findall(r"ended after epoch (\d+): kept the weights of epoch (\d+)", whole.console)
    trained, kept = map(int, end)
    assert kept == trained - 2 < EPOCHS - 2
    for epoch in (1, kept + 1):
        process = runs.start("--output-dir", str(tmp_path / "output"), *flags)
        process.wait_for(f"epoch {epoch}/{EPOCHS}", "exported")
        assert process.kill() == -signal.SIGKILL, process.console
    last = local_runner(tmp_path / "output", *flags)
    assert last.code == 0, last.console
    assert epochs(last.console)[0] > kept
    manifests = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "output")]
    assert manifests[0]["metrics"] == manifests[1]["metrics"]
    for card in (Path(manifest["pushed"], MODEL_CARD).read_text() for manifest in manifests):
        assert f"| trained epochs | {trained} of {EPOCHS}; ended early: no lower held_back_loss for 2 epochs |" in card
        assert f"| kept epoch | {kept}, the one with the lowest held_back_loss |" in card


@pytest.mark.parametrize(
    ("number", "component", "code", "words"),
    [
        (signal.SIGHUP, "example-gen", 129, "ended by SIGHUP"),
        (signal.SIGINT, "statistics-gen", 130, "interrupted (Ctrl-C)"),
        (signal.SIGTERM, "trainer", 143, "ended by SIGTERM"),
        (signal.SIGINT, "evaluator", 130, "interrupted (Ctrl-C)"),
    ],
)
def test_a_signal_ends_the_run_with_a_line_and_leaves_no_process(
    number: signal.Signals, component: str, code: int, words: str, runs: Runs, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    process = runs.start("--output-dir", str(output), *FLAGS)
    process.wait_in(output, component)
    begin = time.monotonic()
    assert process.kill(number) == code, process.console
    assert time.monotonic() - begin < 20
    assert process.left_over() == []
    assert "Traceback" not in process.console
    (line,) = [line for line in process.console.splitlines() if line.startswith("error: ")]
    assert line == f"error: {words}"
    manifest = json.loads((output / "run.json").read_text())
    assert (manifest["status"], manifest["error"]) == ("failed", words)
    components = [c["id"] for c in manifest["components"]]
    stopped = [c["id"] for c in manifest["components"] if c["state"] in ("failed", "not run")]
    # Some take a tenth of a second, and are over before the signal is there: it ends the next one then.
    assert components.index(stopped[0]) - components.index(component) in (0, 1)
    assert components[-len(stopped) :] == stopped
    assert RUNNING not in {state for state, _ in executions(output)}
    assert_what_looks_finished_is(output)


def test_a_second_run_is_refused_while_one_in_another_directory_goes_through(
    runs: Runs, uninterrupted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has secrets in its environment and its flags, which nothing that it leaves shows."""
    first = runs.start("--output-dir", str(tmp_path / "output"), *FLAGS)
    first.wait_for("data: ")
    refused = local_runner(tmp_path / "output", *FLAGS, "--clean")
    assert refused.code == 2
    assert refused.console.count("\n") == 1
    line = rf"error: {tmp_path}/output: in use by process {first.id}, which started at \d{{4}}-\d\d-\d\d \S+; wait"
    assert re.match(line, refused.console), refused.console
    secrets = ("pa55-of-the-environment", "pa55-of-a-flag")
    monkeypatch.setenv("KFP_TOKEN", secrets[0])
    other: Run = local_runner(tmp_path / "other", *FLAGS, f"--beam-args=--s3_secret_access_key={secrets[1]}")
    assert other.code == 0, other.console
    assert first.wait() == 0, first.console
    assert other.manifest["metrics"] == uninterrupted["metrics"]
    assert "--s3_secret_access_key=[redacted]" in other.manifest["config"]["run"]["beam_args"]
    files = [path for path in other.output.rglob("*") if path.is_file()]
    assert not [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]
    assert not [secret for secret in secrets if secret in other.console]
