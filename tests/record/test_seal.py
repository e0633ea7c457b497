"""A damaged input is named with its file and the step that made it, before a step reads it or when it fails."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from tests.small_run import Run
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.seal import Input, damage, sealed, whole

SHARD = "Split-eval/data_tfrecord-00000-of-00001.gz"


@pytest.fixture
def examples(first_run: Run, tmp_path: Path) -> Input:
    """A copy of the first run's examples, sealed."""
    folder = shutil.copytree(first_run.artifact("example-gen", "examples"), tmp_path / "examples")
    return Input(folder, sealed("example-gen", str(folder)))


def flip(file: Path) -> None:
    """Changes bytes in the middle; size and time stay."""
    status, data = file.stat(), bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 255 for byte in data[middle : middle + 64])
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def line(artifact: Input, error: Exception | None = None) -> str:
    """What is said of an input of a step, which raises an error."""

    def step() -> None:
        assert error, "the step runs with a damaged input"
        raise error

    with pytest.raises(UserError) as named, whole([artifact]):
        step()
    text = str(named.value)
    assert text.endswith(", which is not what example-gen left; run again with --no-cache")
    return text.partition(", which")[0]


CHANGES: dict[str, Callable[[Path], object]] = {
    "is missing": lambda folder: (folder / SHARD).unlink(),
    "was changed": lambda folder: os.truncate(folder / SHARD, (folder / SHARD).stat().st_size - 999),
    "was added": lambda folder: shutil.copy(folder / SHARD, folder / f"{SHARD}.more"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_as_it_was_written_is_named_before_the_step_runs(what: str, examples: Input) -> None:
    CHANGES[what](examples.path)
    name = f"{SHARD}.more" if what == "was added" else SHARD
    assert line(examples) == f"{examples.path}/{name}: {what}"


def test_a_whole_folder_that_is_gone_is_named_by_its_first_file(examples: Input) -> None:
    shutil.rmtree(examples.path)
    assert line(examples) == f"{examples.path}/{SHARD}: is missing"


def test_another_content_of_the_same_size_is_named_before_the_step_runs(examples: Input) -> None:
    flip(examples.path / SHARD)
    os.utime(examples.path / SHARD)
    assert line(examples) == f"{examples.path}/{SHARD}: was changed"


def test_the_same_files_with_other_times_are_whole_as_behind_an_object_store(examples: Input, tmp_path: Path) -> None:
    copy = shutil.copytree(examples.path, tmp_path / "copy", copy_function=shutil.copyfile)
    for file in copy.rglob("*"):
        os.utime(file, ns=(0, 0))
    with whole([Input(copy, examples.seal)]):
        pass
    flip(copy / SHARD)
    assert damage(Input(copy, examples.seal)) == (copy / SHARD, "was changed")


def test_damage_that_keeps_size_and_time_is_named_when_a_library_fails_on_it(examples: Input) -> None:
    flip(examples.path / SHARD)
    with pytest.raises(tf.errors.DataLossError) as lost:
        sum(1 for _ in tf.data.TFRecordDataset(str(examples.path / SHARD), "GZIP"))
    assert damage(examples) is None
    assert line(examples, lost.value) == f"{examples.path}/{SHARD}: was changed"


def test_an_error_that_is_not_the_inputs_fault_stays_what_it_is(examples: Input) -> None:
    for error in (ZeroDivisionError("corrupted by itself"), UserError("the user's")):
        with pytest.raises(type(error)) as same, whole([examples]):
            raise error
        assert same.value is error


def test_what_an_older_version_published_without_a_seal_is_read(examples: Input) -> None:
    (examples.path / SHARD).unlink()
    with whole([Input(examples.path, "")]):
        pass


def test_an_artifact_that_is_one_file_has_a_seal_too(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("{}")
    report = Input(file, sealed("example-gen", str(file)))
    assert damage(report) is None
    file.write_text('{"checks"')
    assert line(report) == f"{file}: was changed"
