"""A damaged input is named with its file and the step that made it, before a step reads it or when it fails."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from tests.small_run import Run
from tfx_pipeline.config.sections import Config, TuningConfig
from tfx_pipeline.pipeline import create_pipeline
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.damage import PRODUCERS, Input, named_damage

SPLITS = ("train", "eval")


@pytest.fixture
def given(first_run: Run, tmp_path: Path) -> Callable[..., Input]:
    """A copy of what the first run left of an input."""

    def copy(key: str, output: str = "", splits: tuple[str, ...] = ()) -> Input:
        source = first_run.artifact(PRODUCERS[key], output or key)
        return Input(key, Path(shutil.copytree(source, tmp_path / key)), splits)

    return copy


def test_the_producers_are_those_of_the_pipeline() -> None:
    pipeline = create_pipeline(Config(tuning=TuningConfig(trials=1)), pipeline_root="/root", serving_dir="/serving")
    wired = {
        (key, channel.producer_component_id)
        for component in pipeline.components
        for key, channel in component.inputs.items()
    }
    assert wired | {("source", "source-checkout")} == set(PRODUCERS.items())


def line(given: Input, error: Exception | None = None) -> str:
    """What is said of an input of a step, which raises an error."""

    def step() -> None:
        assert error, "the step runs with a damaged input"
        raise error

    with pytest.raises(UserError) as named, named_damage([given]):
        step()
    assert str(named.value).endswith(f"which is not what {PRODUCERS[given.key]} left; run again with --no-cache")
    assert "\n" not in str(named.value)
    return str(named.value)


def flip(file: Path) -> None:
    """Changes bytes in the middle; size and time stay."""
    status, data = file.stat(), bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 255 for byte in data[middle : middle + 64])
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


MISSING = [
    ("examples", "", "Split-train/data_tfrecord-00000-of-00001.gz", "Split-train: has no files"),
    ("statistics", "", "Split-eval/FeatureStats.pb", "Split-eval/FeatureStats.pb: is missing"),
    ("schema", "", "schema.pbtxt", "schema.pbtxt: is missing"),
    ("transform_graph", "", "transform_fn/saved_model.pb", "transform_fn/saved_model.pb: is missing"),
    ("model", "", "Format-Serving/variables", "Format-Serving/variables/variables.index: is missing"),
]


@pytest.mark.parametrize(("key", "output", "name", "expected"), MISSING)
def test_a_missing_file_is_named_before_the_step_runs(
    key: str, output: str, name: str, expected: str, given: Callable[..., Input]
) -> None:
    damaged = given(key, output, SPLITS if "Split" in name else ())
    path = damaged.path / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert line(damaged).startswith(f"{damaged.path}/{expected}, which is")


@pytest.mark.parametrize("content", [b"", b"# nothing\n"])
def test_an_empty_schema_is_named_before_the_step_runs(content: bytes, given: Callable[..., Input]) -> None:
    schema = given("schema")
    (schema.path / "schema.pbtxt").write_bytes(content)
    assert line(schema).startswith(f"{schema.path}/schema.pbtxt: {'has no features' if content else 'is empty'}, which")


@pytest.mark.parametrize("damage", [flip, lambda file: os.truncate(file, file.stat().st_size - 999)])
def test_a_damaged_shard_is_named_when_a_library_fails_on_it(
    damage: Callable[[Path], object], given: Callable[..., Input]
) -> None:
    examples = given("examples", "", SPLITS)
    (shard,) = (examples.path / "Split-eval").iterdir()
    damage(shard)
    with pytest.raises(tf.errors.DataLossError) as lost:
        sum(1 for _ in tf.data.TFRecordDataset(str(shard), "GZIP"))
    assert line(examples, lost.value).startswith(f"{shard}: cannot be read (")
    assert line(examples, RuntimeError(f"DataLossError: {lost.value} [while running 'Read']")).startswith(f"{shard}: ")


DAMAGED = [
    ("statistics", SPLITS, "Split-eval/FeatureStats.pb", "Split-eval/FeatureStats.pb: cannot be read ("),
    ("schema", (), "schema.pbtxt", "schema.pbtxt: cannot be read ("),
    ("transform_graph", (), "transform_fn/saved_model.pb", "transform_fn: cannot be read ("),
    ("model", (), "Format-Serving/saved_model.pb", "Format-Serving: cannot be read ("),
    (
        "model",
        (),
        "Format-Serving/variables/variables.data-00000-of-00001",
        "Format-Serving: cannot be read (",
    ),
]


@pytest.mark.parametrize(("key", "splits", "name", "expected"), DAMAGED)
def test_a_damaged_file_is_named_when_a_step_fails(
    key: str, splits: tuple[str, ...], name: str, expected: str, given: Callable[..., Input]
) -> None:
    damaged = given(key, "", splits)
    flip(damaged.path / name)
    assert line(damaged, ValueError("what a library says")).startswith(f"{damaged.path}/{expected}")


def test_an_error_that_is_not_the_inputs_fault_stays_what_it_is(given: Callable[..., Input]) -> None:
    inputs = [
        given("examples", "", SPLITS),
        given("statistics", "", SPLITS),
        given("anomalies", "", SPLITS),
        *(given(key) for key in ("schema", "transform_graph", "model", "model_run", "evaluation", "blessing")),
    ]
    for error in (ZeroDivisionError("corrupted by itself"), UserError("the user's")):
        with pytest.raises(type(error)) as same, named_damage(inputs):
            raise error
        assert same.value is error


@pytest.mark.parametrize(
    ("key", "name"), [("hyperparameters", "best_hyperparameters.txt"), ("tuner_results", "tuner_results.json")]
)
def test_what_the_tuner_left_is_named_where_it_is_missing_or_cut_short(key: str, name: str, tmp_path: Path) -> None:
    damaged = Input(key, tmp_path)
    assert line(damaged).startswith(f"{tmp_path}/{name}: is missing, which is not what tuner left")
    (tmp_path / name).write_text('{"values": {"epochs"')
    assert line(damaged, ValueError("Unterminated string")).startswith(f"{tmp_path}/{name}: cannot be read (")
