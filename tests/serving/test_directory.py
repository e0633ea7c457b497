"""The serving directory: whole versions, growing numbers."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf

from tests.saved_model import write_saved_model
from tests.small_run import ROOT
from tfx_pipeline.process import files
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.versions import ABANDONED_SECONDS


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_saved_model(tmp_path / "model")


@pytest.fixture
def place(tmp_path: Path) -> ServingDirectory:
    return ServingDirectory(tmp_path / "serving")


def test_there_is_no_version_where_nothing_was_pushed(place: ServingDirectory) -> None:
    assert place.newest() is None


def test_a_push_is_a_whole_copy_under_a_number(model: Path, place: ServingDirectory) -> None:
    version = place.push(model)
    assert place.newest() == version
    assert place.holds(version, model)
    assert [path.name for path in Path(place.uri(version)).parent.iterdir()] == [str(version)]


def test_version_numbers_only_grow_even_when_the_clock_does_not(model: Path, place: ServingDirectory) -> None:
    Path(place.uri(99999999999)).mkdir(parents=True)
    assert push_many(model, place, 3) == [100000000000, 100000000001, 100000000002]


def test_a_version_without_its_graph_does_not_count(model: Path, place: ServingDirectory) -> None:
    version = place.push(model)
    Path(place.uri(99999999999)).mkdir()
    assert place.newest() == version


def test_a_push_that_fails_leaves_nothing(model: Path, place: ServingDirectory, tmp_path: Path) -> None:
    (model / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="broken"):
        place.push(model)
    assert list((tmp_path / "serving").iterdir()) == []


def test_a_model_with_another_weight_is_another_model(model: Path, place: ServingDirectory) -> None:
    version = place.push(model)
    (model / "variables" / "variables.index").write_bytes(b"other weights")
    assert not place.holds(version, model)


def push_many(model: Path, place: ServingDirectory, count: int) -> list[int]:
    return [place.push(model) for _ in range(count)]


def test_pruning_keeps_the_newest_versions_and_the_baseline(
    model: Path, place: ServingDirectory, tmp_path: Path
) -> None:
    pushed = push_many(model, place, 6)
    assert place.prune(2, pushed[1], lambda _: True) == [pushed[0], *pushed[2:-2]]
    assert place.versions() == [pushed[1], *pushed[-2:]]
    assert {path.name for path in (tmp_path / "serving").iterdir()} == {str(v) for v in (pushed[1], *pushed[-2:])}


def test_pruning_counts_and_deletes_our_versions_alone(model: Path, place: ServingDirectory) -> None:
    theirs = push_many(model, place, 3)
    ours = push_many(model, place, 3)
    assert place.prune(2, 0, lambda version: version in ours) == ours[:1]
    assert place.versions() == theirs + ours[1:]


def test_a_push_whose_check_fails_leaves_nothing(model: Path, place: ServingDirectory, tmp_path: Path) -> None:
    def check() -> None:
        raise UserError("another came first")

    with pytest.raises(UserError, match="another came first"):
        place.push(model, check)
    assert not list((tmp_path / "serving").iterdir())


@pytest.mark.parametrize(("keep", "left"), [(1, 1), (3, 3), (4, 3)])
def test_pruning_never_takes_the_newest(keep: int, left: int, model: Path, place: ServingDirectory) -> None:
    pushed = push_many(model, place, 3)
    place.prune(keep, 0, lambda _: True)
    assert place.versions() == pushed[-left:]


def test_pruning_leaves_alone_what_is_no_version(model: Path, place: ServingDirectory, tmp_path: Path) -> None:
    push_many(model, place, 2)
    (tmp_path / "serving" / "1").mkdir()
    (tmp_path / "serving" / "notes").touch()
    place.prune(1, 0, lambda _: True)
    assert {"1", "notes"} < {path.name for path in (tmp_path / "serving").iterdir()}


PUSH = """
import sys
from pathlib import Path
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
place = ServingDirectory(Path(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    place.push(Path(sys.argv[1]))
    place.prune(3, 0, lambda _: True)
    print("pushed", flush=True)
"""


def pusher(model: Path, serving_dir: Path, count: int) -> subprocess.Popen[str]:
    """Starts a process that pushes a model again and again, keeping three versions."""
    command = [sys.executable, "-c", PUSH, str(model), str(serving_dir), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def whole(model: Path, place: ServingDirectory) -> list[bool]:
    return [place.holds(version, model) for version in place.versions()]


def test_a_pusher_that_is_killed_at_any_moment_leaves_whole_versions_only(
    model: Path, place: ServingDirectory, tmp_path: Path
) -> None:
    # Enough to be hit while a push copies or a prune deletes; the graph is copied in the middle.
    for name in ("a", "variables/data", "z"):
        (model / name).write_bytes(bytes(8_000_000))
    serving_dir = tmp_path / "serving"
    kills = random.Random(1)  # noqa: S311 - moments, not secrets
    newest = 0
    for _ in range(15):
        with pusher(model, serving_dir, 1000) as process:
            assert process.stdout.readline() == "pushed\n"
            time.sleep(kills.uniform(0, 0.1))
            process.kill()
        assert all(whole(model, place))
        assert (place.newest() or 0) > newest
        newest = place.newest() or 0
    place.push(model)
    assert not list(serving_dir.glob(".*"))


def test_two_pushers_at_once_push_whole_versions_with_numbers_of_their_own(
    model: Path, place: ServingDirectory, tmp_path: Path
) -> None:
    with pusher(model, tmp_path / "serving", 20) as one, pusher(model, tmp_path / "serving", 20) as other:
        assert (one.wait(), other.wait()) == (0, 0)
        assert (one.stdout.read() + other.stdout.read()).count("pushed") == 40
    assert whole(model, place) == [True] * 3
    assert len(list((tmp_path / "serving").iterdir())) == 3


def test_a_push_waits_for_another_and_leaves_its_files_alone(
    model: Path, place: ServingDirectory, tmp_path: Path
) -> None:
    serving_dir = tmp_path / "serving"
    serving_dir.mkdir()
    living = serving_dir / ".push-living"
    with files.locked(serving_dir):
        waiting = pusher(model, serving_dir, 1)
        living.mkdir()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        living.rename(serving_dir / "7")
    with waiting:
        assert waiting.wait(60) == 0
    assert serving_dir.joinpath("7").is_dir()
    assert whole(model, place) == [True]


def test_without_locks_only_old_leftovers_are_deleted(
    model: Path, place: ServingDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    for name, age in (("young", 60), ("old", ABANDONED_SECONDS + 60)):
        folder = tmp_path / "serving" / f".push-{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    place.push(model)
    assert [path.name for path in (tmp_path / "serving").glob(".*")] == [".push-young"]


READ = """
import sys
from pathlib import Path
import tensorflow as tf
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
place = ServingDirectory(Path(sys.argv[1]))
while not Path(sys.argv[2]).exists():
    version = place.newest()
    model = tf.saved_model.load(place.uri(version))
    assert model.double(tf.constant(2.0)).numpy() == 4.0
    print(version, flush=True)
"""


class Double(tf.Module):
    """The smallest model with a weight."""

    def __init__(self) -> None:
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([])])
    def double(self, value: tf.Tensor) -> tf.Tensor:
        return self.factor * value


def test_a_reader_of_the_newest_version_never_fails_to_load_it_while_runs_push(
    place: ServingDirectory, tmp_path: Path
) -> None:
    tf.saved_model.save(Double(), tmp_path / "model")
    version = place.push(tmp_path / "model")
    command = [sys.executable, "-c", READ, str(tmp_path / "serving"), str(tmp_path / "stop")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reader:
        for _ in range(20):
            # A load may take long: no version goes before the reader has seen the next one.
            assert f"{version}\n" in reader.stdout
            version = place.push(tmp_path / "model")
            place.prune(2, version - 1, lambda _: True)
        (tmp_path / "stop").touch()
        reader.stdout.read()
        assert reader.wait() == 0
