"""The package with a search: trials in the step's log, the best to the trainer, and nothing computed twice."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubeflow.replay.conftest import Replay, metadata
from tfx_pipeline.review import report_pages

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.thorough(
        "tfx_pipeline/kubeflow/", "tfx_pipeline/components/", "modules/tuner.py", "modules/trainer.py"
    ),
]

TRIALS = 2


@pytest.fixture(scope="module")
def tuned(make_package: Callable[..., Path], run_twice: Callable[[Path, str], Replay]) -> Replay:
    """Two runs of the package; in the first, the tuner's first pod is evicted."""
    return run_twice(make_package("--tune", str(TRIALS), "--set", "kubeflow.pods=stage"), "tuner")


def best(replay: Replay) -> dict[str, float]:
    """The hyperparameters that the tuner found best, but for those that the package gives."""
    name = "best_hyperparameters.txt"
    uri = replay.backend.artifact(replay.first, "tuner", "best_hyperparameters")["uri"]
    values = json.loads((replay.backend.store.path(uri) / name).read_text())["values"]
    return {key: value for key, value in values.items() if key != "epochs"}


def test_each_trial_is_in_the_log_of_the_step(tuned: Replay) -> None:
    lines = [line.partition(" ")[2] for line in tuned.first.logs["tuner"][-1].splitlines()]
    assert f"{TRIALS} trials of batch_size, learning_rate, scored on 0.1 of the training data" in lines
    numbers = [found[1] for line in lines if (found := re.match(rf"trial (\d)/{TRIALS}  learning_rate .* best ", line))]
    assert numbers == ["1", "2"]


def test_the_trainer_takes_the_best_and_says_so(tuned: Replay) -> None:
    described = metadata(tuned, tuned.first, "trainer", "model")
    assert described["tuned"] == "batch_size learning_rate"
    assert {name: float(described[name]) for name in best(tuned)} == best(tuned)


def test_report_and_summary_show_the_trials(tuned: Replay) -> None:
    def content(key: str) -> str:
        uri = tuned.backend.artifact(tuned.first, "judgement", key)["uri"]
        return tuned.backend.store.path(uri).read_text(encoding="utf-8")

    digest = report_pages.read_digest(content("report"))
    assert digest
    assert digest["tuning"]["best"] == best(tuned)
    assert "## Tuning" in content("summary")
    events = tuned.backend.files(tuned.first, "judgement", "tensorboard")
    assert {name.split("/")[1] for name in events if name.startswith("trials/")} == {"1", "2"}


def test_a_second_run_searches_and_trains_no_more(tuned: Replay) -> None:
    assert {tuned.second.states[task] for task in ("data", "tuner", "trainer")} == {"cached"}
