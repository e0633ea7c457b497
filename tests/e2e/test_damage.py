"""Damage that keeps a file's size and time, in artifacts that a run reuses: one line, and nothing is pushed."""

import pytest

from tests.e2e.test_bad_input import assert_one_line, content
from tests.prefork import Runs
from tests.record.test_seal import flip
from tests.small_run import QUICK, Run, local_runner

pytestmark = pytest.mark.e2e

CASES = [
    ("example-gen", "examples", "Split-train/data_tfrecord-00000-of-00001.gz", "trainer", ("--epochs", "3")),
    ("example-gen", "examples", "Split-eval/data_tfrecord-00000-of-00001.gz", "evaluator", ("--min-accuracy", "0.4")),
    (
        "trainer",
        "model",
        "Format-Serving/variables/variables.data-00000-of-00001",
        "evaluator",
        ("--min-accuracy", "0.4"),
    ),
    ("transform", "transform_graph", "transform_fn/saved_model.pb", "trainer", ("--epochs", "3")),
]


@pytest.fixture(scope="module")
def good(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose artifacts are there to be damaged."""
    output = tmp_path_factory.mktemp("good") / "output"
    return local_runner(output, *QUICK)


@pytest.mark.parametrize(("maker", "key", "name", "step", "flags"), CASES)
def test_a_damaged_file_of_a_reused_artifact_is_named(
    maker: str, key: str, name: str, step: str, flags: tuple[str, str], good: Run, runs: Runs
) -> None:
    pushed = content(good.output / "serving")
    file = good.artifact(maker, key) / name
    flip(file)
    process = runs.start("--output-dir", str(good.output), *QUICK, *flags)
    code = process.wait()
    flip(file)
    assert code == 1, process.console
    assert_one_line(process.console, f"which is not what {maker} left; run again with --no-cache")
    (line,) = [line for line in process.console.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {file}: was changed, which ")
    assert good.states()[step] == "failed"
    assert content(good.output / "serving") == pushed
