"""The cache: whole or not used, safe with neighbours, cleaned after the dead."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.dataset import DATASET
from tfx_pipeline.data import cache, sources
from tfx_pipeline.data.idx_files import FILE_NAMES
from tfx_pipeline.process.errors import UserError

RESOLVE = (
    "import sys, pathlib\nfrom tfx_pipeline.data import sources\n"
    "sources.resolve('idx', sys.argv[1], pathlib.Path(sys.argv[2]), print)"
)


def resolving(folder: str | Path, cache_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RESOLVE, str(folder), str(cache_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_digest_is_what_sha256sum_prints(dataset: sources.VerifiedFiles) -> None:
    listing = subprocess.run(["sha256sum", *FILE_NAMES], cwd=dataset.path, check=True, capture_output=True).stdout  # noqa: S607
    digest = subprocess.run(["sha256sum"], input=listing, check=True, capture_output=True).stdout  # noqa: S607
    assert digest.decode().split()[0] == dataset.digest
    assert dict(line.split()[::-1] for line in listing.decode().splitlines()) == DATASET.sha256


def test_description_lies_beside_the_files(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    resolved = sources.resolve("idx", str(idx_folder()), tmp_path / "cache", print)
    description = json.loads((Path(resolved.path) / "dataset.json").read_text())
    assert description["source"] == "idx"
    assert description["kind"] == "custom"
    assert set(description["files"]) == set(FILE_NAMES)
    assert description["files"]["t10k-labels-idx1-ubyte"]["items"] == 50
    assert len(description["files"]["t10k-labels-idx1-ubyte"]["sha256"]) == 64


def test_files_are_readable_as_the_umask_says(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        resolved = sources.resolve("idx", str(idx_folder()), tmp_path / "cache", print)
    finally:
        os.umask(before)
    assert Path(resolved.path).stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("damage", [lambda f: f.write_bytes(f.read_bytes()[:-1]), lambda f: f.unlink()])
def test_damaged_copy_of_a_folder_is_replaced(
    idx_folder: Callable[..., Path], tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    folder = idx_folder()
    first = sources.resolve("idx", str(folder), tmp_path / "cache", print)
    damage(Path(first.path) / FILE_NAMES[0])
    assert cache.verified(tmp_path / "cache", first.digest) is None
    assert sources.resolve("idx", str(folder), tmp_path / "cache", print) == first
    assert cache.verified(tmp_path / "cache", first.digest) is not None


def test_whole_copy_is_left_alone(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = idx_folder()
    first = sources.resolve("idx", str(folder), tmp_path / "cache", print)
    inode = (Path(first.path) / FILE_NAMES[0]).stat().st_ino
    sources.resolve("idx", str(folder), tmp_path / "cache", print)
    assert (Path(first.path) / FILE_NAMES[0]).stat().st_ino == inode


def test_neighbours_that_resolve_at_once_agree(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    processes = [resolving(dataset.path, tmp_path / "cache") for _ in range(4)]
    outcomes = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outcomes
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".lock", dataset.digest]
    assert cache.verified(tmp_path / "cache", dataset.digest) is not None


def test_leftovers_of_a_killed_process_are_removed_and_those_of_a_living_one_kept(
    idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    cache_dir = tmp_path / "cache"
    cache_dir.mkdir()
    code = (
        "import sys, pathlib, time\nfrom tfx_pipeline.data import cache\n"
        "with cache.staging(pathlib.Path(sys.argv[1])) as folder:\n"
        "  (folder / 'half').write_text('half')\n  print(folder, flush=True)\n  time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(cache_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    staged = Path(process.stdout.readline().strip())
    sources.resolve("idx", str(idx_folder()), cache_dir, print)
    assert (staged / "half").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sources.resolve("idx", str(tmp_path / "idx"), cache_dir, print)
    assert not staged.exists()


def test_process_killed_at_any_moment_leaves_nothing_that_is_used(
    dataset: sources.VerifiedFiles, tmp_path: Path
) -> None:
    for delay in (0.1, 0.2, 0.3):
        process = resolving(dataset.path, tmp_path / "cache")
        time.sleep(delay)
        process.kill()
        process.communicate()
        kept = {path.name for path in (tmp_path / "cache").glob("[!.]*")}
        assert kept <= {dataset.digest}
        if kept:
            assert cache.verified(tmp_path / "cache", dataset.digest) is not None
    sources.resolve("idx", dataset.path, tmp_path / "cache", print)
    assert not list((tmp_path / "cache").glob(".staging-*"))


@pytest.mark.parametrize("note", ["", "{}", "[1]", '{"digest": "../../etc", "origin": "x"}', "\udcff"])
def test_broken_note_of_a_source_counts_as_none(tmp_path: Path, note: str) -> None:
    (tmp_path / "tfds.json").write_bytes(note.encode(errors="surrogateescape"))
    assert cache.recall(tmp_path, "tfds") is None


def test_cache_folder_that_cannot_be_made_is_refused_naming_it(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=rf"^{tmp_path}/file/cache: the data cache cannot be written \(Not a directory\)"
    ):
        sources.resolve("idx", str(idx_folder()), tmp_path / "file/cache", print)


def test_cache_folder_that_cannot_be_written_is_refused_naming_it(idx_folder: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"^/proc/sys: the data cache cannot be written"):
        sources.resolve("idx", str(idx_folder()), Path("/proc/sys"), print)


# A user namespace of its own lets any user mount a small disk, where the kernel allows that.
ON_A_SMALL_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]


@pytest.fixture(scope="module")
def small_disk() -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    command = [*ON_A_SMALL_DISK, "mount -t tmpfs -o size=8m none /mnt"]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here")


def test_full_disk_is_said_and_leaves_nothing_half(
    small_disk: None, dataset: sources.VerifiedFiles, idx_folder: Callable[..., Path]
) -> None:
    script = (
        'mount -t tmpfs -o size=8m none /mnt; "$0" -c "$1" "$2" /mnt; '
        '"$0" -c "$1" "$3" /mnt || true; find /mnt -type f | wc -l; ls -A /mnt; "$0" -c "$1" "$2" /mnt'
    )
    arguments = [sys.executable, RESOLVE, str(idx_folder()), dataset.path]
    process = subprocess.run([*ON_A_SMALL_DISK, script, *arguments], check=True, capture_output=True, text=True)
    good, files, lock, digest, again = process.stdout.splitlines()
    assert "UserError: /mnt: the disk is full (No space left on device); make 200 MB free there" in process.stderr
    assert (files, lock) == (
        "8",
        ".lock",
    )  # the four, their description, where the examples of both splits lie, and the lock
    assert len(digest) == 64
    assert again == good


def test_file_size_limit_is_said_and_leaves_nothing_half(dataset: sources.VerifiedFiles, tmp_path: Path) -> None:
    """The same path as for a full disk, which any user can take."""
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n{RESOLVE}"
    process = subprocess.run(
        [sys.executable, "-c", limited, dataset.path, str(tmp_path / "cache")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert f"UserError: {tmp_path}/cache: the disk is full (File too large)" in process.stderr
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]
