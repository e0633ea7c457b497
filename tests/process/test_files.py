"""Locks, and writes that a reader sees whole."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tfx_pipeline.process import files

HOLD = """
import sys
from pathlib import Path
from tfx_pipeline.process.files import locked
with locked(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["directory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path if request.param == "directory" else tmp_path / "lock"


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its input is closed."""
    command = [sys.executable, "-c", HOLD, str(place)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def opened(place: Path) -> int:
    return os.open(place, os.O_RDONLY)


def test_a_lock_that_another_process_holds_is_refused_or_waited_for(place: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(BlockingIOError):
        files.lock(opened(place), wait=False)
    holder.stdin.close()
    with files.locked(place) as held:
        assert held
        assert holder.wait(10) == 0


def test_a_dead_process_holds_nothing(place: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert files.lock(opened(place), wait=False)


def test_a_lock_leaves_a_files_content_alone(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("who holds it")
    with files.locked(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == "who holds it"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF])
def test_a_file_system_without_locks_gives_none(number: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with files.locked(place) as held:
        assert not held


def test_another_error_of_a_lock_is_raised(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output error"), files.locked(place):
        pass


def test_a_reader_sees_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with path.open() as reader:
        files.write_atomically(path, "new " * 100_000)
        assert reader.read() == "old"
    assert path.read_text() == "new " * 100_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        files.write_atomically(path, "\udcff")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_has_room_becomes_the_one_that_is_written(tmp_path: Path) -> None:
    path, room = tmp_path / "run.json", tmp_path / "room"
    path.write_text("old")
    room.write_bytes(bytes(10_000))
    taken = room.stat().st_ino
    files.write_atomically(path, "new", room)
    assert (path.read_text(), path.stat().st_ino) == ("new", taken)
    files.write_atomically(path, "newer", room)
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_files_and_directories_can_be_synced_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files.sync(tmp_path / "file", tmp_path)
    with pytest.raises(FileNotFoundError):
        files.sync(tmp_path / "nothing")
