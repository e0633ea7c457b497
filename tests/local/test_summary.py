"""The end of a run on the console."""

import dataclasses
import io
import shlex
from pathlib import Path

import pytest

from tfx_pipeline.config.sections import Config
from tfx_pipeline.local.console import Console
from tfx_pipeline.local.summary import summary
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.run_record import DataGate, RunRecord, Tuning

RESULTS = RunRecord(
    "1",
    "succeeded",
    config=Config().model_dump(mode="json"),
    data_gate=DataGate("stop", ok=True, anomalies=0, headline="166 checks passed", checks=166),
    metrics={"accuracy": 0.9, "loss": 0.3, "num_examples": 10, "per_class_accuracy": {"Bag": 0.9}},
    blessed=True,
)


def last_line(root: Path) -> str:
    """The last line of a run's summary."""
    stream = io.StringIO()
    summary(Console(stream), Output(root, "1"), RESULTS)
    return stream.getvalue().splitlines()[-1]


@pytest.mark.parametrize("name", ["output", "my run", "it's", 'a "b"', "$HOME", "{a,b}", "a;b &", "#1"])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_the_command_at_the_end_can_be_pasted_whatever_the_folder_is_called(
    name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "here":
        monkeypatch.chdir(tmp_path)
    label, *command = shlex.split(last_line(tmp_path / name))
    folder = f"{name}/tensorboard" if where == "here" else f"{tmp_path}/{name}/tensorboard"
    assert [label, *command] == ["next", "tools/env", "tensorboard", "--logdir", folder]


def test_a_run_with_a_search_says_what_it_found_also_where_it_was_reused(tmp_path: Path) -> None:
    stream = io.StringIO()
    tuning = Tuning(trials=3, diverged=1, accuracy=0.88125, best={"learning_rate": 0.002, "batch_size": 64})
    summary(Console(stream), Output(tmp_path, "1"), dataclasses.replace(RESULTS, tuning=tuning))
    line = "tuned      learning_rate 0.002, batch_size 64: the best of 3 trials, 1 diverged, 0.8812 on held-back images"
    assert line in stream.getvalue()
