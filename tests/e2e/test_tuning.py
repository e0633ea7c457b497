"""A search for hyperparameters in a run of the whole pipeline: what it finds, reuses, survives and refuses."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from tests.prefork import Runs
from tests.small_run import Run
from tfx_pipeline.review import report_pages
from tfx_pipeline.review.tensorboard_writer import TRIAL_ACCURACY

pytestmark = pytest.mark.e2e

TRIALS = 3
SMALL = ("--limit", "1000", "--epochs", "2", "--min-accuracy", "0.3", "--min-class-accuracy", "0")
TUNED = (*SMALL, "--tune", str(TRIALS))


def run(runs: Runs, output: Path, *flags: str) -> Run:
    """Runs to the end."""
    process = runs.start("--output-dir", str(output), *flags)
    code = process.wait()
    return Run(output, process.console, code)


def trials(console: str) -> list[str]:
    """The lines of a console on the trials."""
    return [line.strip() for line in console.splitlines() if line.strip().startswith("trial ")]


def best(run: Run) -> dict[str, Any]:
    """The hyperparameters that the tuner found best."""
    file = run.artifact("tuner", "best_hyperparameters") / "best_hyperparameters.txt"
    values: dict[str, Any] = json.loads(file.read_text())["values"]
    return values


@pytest.fixture(scope="module")
def tuned(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a search that nothing disturbs."""
    done = run(runs, tmp_path_factory.mktemp("tuned") / "output", *TUNED)
    assert done.code == 0, done.console
    return done


@pytest.fixture(scope="module")
def found(tuned: Run) -> dict[str, Any]:
    """Its manifest, which the runs that follow in its directory replace."""
    return tuned.manifest


def test_each_trial_is_shown_with_values_score_best_and_the_time_that_is_left(tuned: Run) -> None:
    values = r"learning_rate [\d.e-]+  batch_size \d+  accuracy 0\.\d{4}  best 0\.\d{4} \(trial \d\)"
    lines = trials(tuned.console)
    assert len(lines) == TRIALS
    for number, line in enumerate(lines, 1):
        left = r"  about \d+ (s|min) left" if number < TRIALS else ""
        assert re.fullmatch(rf"trial {number}/{TRIALS}  {values}{left}", line), line
    assert "learning_rate 0.004  batch_size 256" in lines[0]
    assert f"{TRIALS} trials of batch_size, learning_rate, scored on 0.1 of the training data" in tuned.console


def test_manifest_report_model_card_and_tensorboard_say_what_was_tuned(tuned: Run, found: dict[str, Any]) -> None:
    values = {name: value for name, value in best(tuned).items() if name != "epochs"}
    assert found["tuning"]["best"] == values
    assert (found["tuning"]["trials"], found["tuning"]["diverged"]) == (TRIALS, 0)
    assert {name: found["config"]["training"][name] for name in values} == values
    page = (tuned.output / "report" / f"{found['run_id']}.html").read_text()
    digest = report_pages.read_digest(page)
    assert digest
    assert (digest["tuned"], digest["tuning"]) == (["batch_size", "learning_rate"], found["tuning"])
    assert f"{values['learning_rate']} (tuned)" in page
    assert f"Tuning: {TRIALS} trials" in page
    card = Path(found["pushed"], "MODEL_CARD.md").read_text()
    assert f"| batch_size | {values['batch_size']} (tuned) |" in card
    assert "| epochs | 2 |" in card
    folders = sorted((tuned.output / "tensorboard" / found["run_id"] / "trials").iterdir())
    scores, rates = [], set()
    for folder in folders:
        events = EventAccumulator(str(folder)).Reload()
        scores.append(tf.make_ndarray(events.Tensors(TRIAL_ACCURACY)[0].tensor_proto).item())
        content = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        start = metadata.parse_session_start_info_plugin_data(content)
        rates.add(start.hparams["learning_rate"].number_value)
        assert start.hparams["model_name"].string_value == "dense"
    assert len(rates) == TRIALS
    assert max(scores) == pytest.approx(found["tuning"]["accuracy"])


@pytest.mark.thorough("modules/", "tfx_pipeline/local/", "tfx_pipeline/components/")
def test_a_killed_search_goes_on_where_it_was_and_finds_the_same(
    runs: Runs, tuned: Run, found: dict[str, Any], tmp_path: Path
) -> None:
    process = runs.start("--output-dir", str(tmp_path), *TUNED)
    process.wait_for(f"trial 2/{TRIALS}")
    assert process.kill() == -signal.SIGKILL
    first = trials(process.console)
    resumed = run(runs, tmp_path, *TUNED)
    assert resumed.code == 0, resumed.console
    lines = trials(resumed.console)
    assert [line.endswith("from an earlier run") for line in lines] == [True, True, False]
    assert [line.partition("  about")[0] for line in lines[:2]] == [line.partition("  about")[0] for line in first[:2]]
    assert best(resumed) == best(tuned)
    assert resumed.manifest["tuning"] == found["tuning"]
    assert resumed.manifest["metrics"] == found["metrics"]
    assert not (tmp_path / "pipeline" / "trainer" / ".checkpoints").exists()


def test_the_second_run_takes_tuner_and_trainer_from_the_first(runs: Runs, tuned: Run, found: dict[str, Any]) -> None:
    again = run(runs, tuned.output, *TUNED)
    assert again.code == 0, again.console
    assert {again.states()[name] for name in ("tuner", "trainer")} == {"cached"}
    assert (again.manifest["tuning"], again.manifest["metrics"]) == (found["tuning"], found["metrics"])


@pytest.mark.thorough("modules/", "tfx_pipeline/components/")
def test_a_run_that_names_what_another_took_from_the_model_or_the_tuner_gives_the_same_metrics(
    runs: Runs, tuned: Run, found: dict[str, Any]
) -> None:
    own = run(runs, tuned.output, *SMALL)
    assert "tuner" not in own.states()
    assert own.manifest["tuning"] is None
    named = run(runs, tuned.output, *SMALL, "--batch-size", "256", "--learning-rate", "0.004")
    assert named.states()["trainer"] == "succeeded"
    assert named.manifest["metrics"] == own.manifest["metrics"]
    values = best(tuned)
    flags = ("--batch-size", str(values["batch_size"]), "--learning-rate", repr(values["learning_rate"]))
    typed = run(runs, tuned.output, *SMALL, *flags)
    assert typed.manifest["metrics"] == found["metrics"]


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--batch-size", "64", "--learning-rate", "0.1"), "error: there is nothing to tune: "),
        (("--tune", "-1"), "error: --tune -1: got '-1', expected greater than or equal to 0"),
    ],
)
def test_a_search_without_sense_is_refused_in_a_line_before_anything_runs(
    flags: tuple[str, ...], line: str, runs: Runs, tmp_path: Path
) -> None:
    refused = run(runs, tmp_path, *TUNED, *flags)
    assert refused.code != 0
    assert [shown for shown in refused.console.splitlines() if shown.startswith(line)]
    assert "example-gen" not in refused.console
