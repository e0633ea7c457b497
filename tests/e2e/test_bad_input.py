"""What a user or a machine can do wrong: one line on the console, the log for the rest, and nothing is lost."""

import contextlib
import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tests.prefork import Runs, prefork
from tests.small_run import QUICK, ROOT, Run, local_runner
from tfx_pipeline.data import sources
from tfx_pipeline.serving.directory import ServingDirectory

pytestmark = pytest.mark.e2e

TRAIN_IMAGES = "train-images-idx3-ubyte"
NO_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
"""Makes a root that permissions stop, as they stop everybody else."""


@pytest.fixture(scope="module")
def good(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output directory with a pushed model."""
    output = tmp_path_factory.mktemp("good") / "output"
    process = runs.start("--output-dir", str(output), *QUICK)
    assert process.wait() == 0, process.console
    return output


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def assert_one_line(console: str, expected: str) -> None:
    """One line says what is wrong, and there is no traceback."""
    (line,) = [line for line in console.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert "Traceback" not in console


def assert_pushed_model_loads(output: Path) -> None:
    place = ServingDirectory(output / "serving")
    model = tf.saved_model.load(place.uri(place.newest()))
    images = tf.zeros((1, 28, 28), tf.uint8)
    assert model.signatures["serving_images"](images=images)["probabilities"].shape == (1, 10)


def flip(path: Path) -> None:
    data = bytearray(gzip.compress(path.read_bytes()))
    data[len(data) // 2] ^= 1
    path.with_name(f"{path.name}.gz").write_bytes(data)
    path.unlink()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


SPOILERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, f"lacks {TRAIN_IMAGES}"),
    "truncated": (lambda path: os.truncate(path, 1000), "but 984 bytes follow, the file is truncated"),
    "bit flipped": (flip, "the gzip data is damaged"),
    "oversized header": (
        lambda path: path.write_bytes(struct.pack(">4I", 2051, 2**32 - 1, 28, 28) + bytes(1000)),
        "promises 4,294,967,295 images",
    ),
    "symlink loop": (loop, "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("kind", SPOILERS)
def test_bad_files_are_refused_by_name_even_with_clean_and_lose_nothing(
    kind: str, good: Path, idx_folder: Callable[..., Path]
) -> None:
    spoil, expected = SPOILERS[kind]
    folder = idx_folder()
    spoil(folder / TRAIN_IMAGES)
    before = content(good / "serving"), content(good / "pipeline")
    run = local_runner(good, *QUICK, "--clean", "--data-dir", str(folder))
    assert run.code == 1
    assert_one_line(run.console, expected)
    assert str(folder) in run.console
    assert "Traceback" in run.log
    assert run.manifest["status"] == "failed"
    assert (content(good / "serving"), content(good / "pipeline")) == before


@pytest.mark.parametrize("place", ["data", "output"])
def test_a_folder_without_the_right_to_use_it_is_named(
    place: str, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folders = {"data": idx_folder(), "output": tmp_path / "output"}
    folders["output"].mkdir()
    folders[place].chmod(0)
    command = NO_OVERRIDE if os.geteuid() == 0 else []
    flags = ["--output-dir", str(folders["output"]), "--data-dir", str(folders["data"])]
    done = subprocess.run(
        [*command, sys.executable, "local_runner.py", *flags], cwd=ROOT, capture_output=True, text=True, check=False
    )
    folders[place].chmod(0o700)
    assert done.returncode == {"data": 1, "output": 2}[place]
    assert_one_line(done.stdout + done.stderr, f"{folders[place]}: cannot be ")
    assert "Permission denied" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (Path.touch, "Not a directory"),
        (lambda path: path.symlink_to("/proc/sys/kernel/nothing"), "cannot be written"),
    ],
    ids=["loop", "file", "unwritable"],
)
def test_an_output_directory_that_cannot_be_is_refused(
    make: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    make(tmp_path / "output")
    command = [sys.executable, "local_runner.py", "--output-dir", str(tmp_path / "output"), *QUICK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, f"{tmp_path}/output: cannot be written: ")
    assert reason in done.stderr
    assert done.stderr.endswith("; give another --output-dir\n")


def spoil_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(os.urandom(20_000))


@pytest.mark.parametrize(
    "damage",
    [spoil_middle, lambda path: path.write_text("no database\n" * 99), lambda path: (path.unlink(), path.mkdir())],
    ids=["damaged", "text", "folder"],
)
def test_metadata_that_is_damaged_is_named_and_moved_away_everything_runs_anew(
    damage: Callable[[Path], object], good: Path, runs: Runs, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    shutil.copytree(good, output)
    damage(output / "metadata.db")
    run = local_runner(output, *QUICK)
    assert run.code == 1
    assert_one_line(run.console, f"{output}/metadata.db: is no ML Metadata that can be used (")
    assert "move it away" in run.console
    assert content(output / "pipeline") == content(good / "pipeline")
    assert_pushed_model_loads(output)
    if (output / "metadata.db").is_dir():
        return  # what follows is the same
    (output / "metadata.db").rename(tmp_path / "metadata.db")
    process = runs.start("--output-dir", str(output), "--limit", "500", *QUICK[2:])
    process.wait_in(output, "statistics-gen")
    process.kill()
    assert "moved to" in process.console
    (aside,) = output.glob("pipeline-before-*")
    assert content(aside) == content(good / "pipeline")


@pytest.fixture
def small_disk(dataset: sources.VerifiedFiles, tmp_path: Path) -> Iterator[Runs]:
    """Starts runs that find a disk of 60 MB at tmp_path/disk; a user namespace lets any user mount one."""
    (tmp_path / "disk").mkdir()
    mount = 'mount -t tmpfs -o size=60m none "$0" && exec "$@"'
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path / "disk")]
    if subprocess.run([*wrapper, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here: the limit on a file's size is what is tested")
    with prefork(tmp_path, *wrapper) as started:
        yield started


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Takes the room on a disk and gives it back."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    yield
    ballast.unlink()


@pytest.mark.thorough("tfx_pipeline/local/", "tfx_pipeline/components/", "tfx_pipeline/process/")
def test_a_disk_that_is_full_at_any_step_is_said_and_loses_nothing(small_disk: Runs, tmp_path: Path) -> None:
    output = tmp_path / "disk" / "output"
    seen = small_disk.seen_from_here(tmp_path / "disk")
    first = small_disk.start("--output-dir", str(output), *QUICK)
    assert first.wait() == 0, first.console
    pushed = content(seen / "output" / "serving")
    components = [c["id"] for c in json.loads((seen / "output" / "run.json").read_text())["components"]]
    flags = ("--output-dir", str(output), "--limit", "900", *QUICK[2:])
    failed: set[str] = set()
    for component in components:
        process = small_disk.start(*flags)
        process.wait_in(seen / "output", component)
        with full(seen):
            code = process.wait()
        manifest = json.loads((seen / "output" / "run.json").read_text())
        if code == 0:
            continue  # a quick step was faster
        assert code == 1, process.console
        assert_one_line(process.console, "the disk is full; make room there")
        assert manifest["status"] == "failed"
        assert "Traceback" in (seen / "output" / "runs" / manifest["run_id"] / "run.log").read_text(errors="replace")
        now = content(seen / "output" / "serving")
        assert {name: now.get(name) for name in pushed} == pushed
        failed |= {c["id"] for c in manifest["components"] if c["state"] == "failed"}
    assert failed >= {"example-gen", "statistics-gen", "transform", "trainer", "evaluator"}
    with full(seen):
        refused = small_disk.start(*flags)
        assert refused.wait() == 2, refused.console
        assert_one_line(refused.console, f"{output}: cannot be written: No space left on device")
    last = small_disk.start(*flags)
    assert last.wait() == 0, last.console
    shutil.copytree(seen / "output" / "serving", tmp_path / "copy" / "serving")
    assert_pushed_model_loads(tmp_path / "copy")


def test_a_limit_on_the_size_of_files_is_said_like_a_full_disk(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    command = ["prlimit", "--fsize=524288", sys.executable, "local_runner.py", "--output-dir", str(tmp_path / "output")]
    done = subprocess.run([*command, *QUICK], cwd=ROOT, capture_output=True, text=True, check=False)
    run = Run(tmp_path / "output", done.stdout + done.stderr, done.returncode)
    assert run.code == 1
    assert_one_line(run.console, "the disk is full")
    assert run.states()["example-gen"] == "failed"
    assert "Traceback" in run.log


def test_after_all_that_the_pushed_model_loads_and_the_next_good_run_works(good: Path, runs: Runs) -> None:
    assert_pushed_model_loads(good)
    process = runs.start("--output-dir", str(good), *QUICK)
    assert process.wait() == 0, process.console
    assert "Nothing changed for" in process.console


def test_a_training_that_diverges_is_one_line_and_leaves_no_model(runs: Runs, good: Path) -> None:
    before = content(good / "serving")
    flags = ("--model", "cnn", "--precision", "mixed_float16", "--device", "cpu", "--learning-rate", "10")
    process = runs.start("--output-dir", str(good), *QUICK, "--limit", "500", "--epochs", "5", *flags)
    assert process.wait() == 1, process.console
    assert_one_line(process.console, "learning rate 10, precision mixed_float16")
    assert content(good / "serving") == before
