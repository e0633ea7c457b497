"""The thorough tests that a change asks for run with it, and all where nobody can tell what it touches."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tests.thorough import changed_since, is_asked_for

COVERED, FILE = ("modules/trainer.py", "tfx_pipeline/data/"), "tests/data/test_idx.py"


@pytest.mark.parametrize(
    ("changed", "asked_for"),
    [
        (None, True),
        ([], False),
        (["modules/trainer.py"], True),
        (["tfx_pipeline/data/forms/images.py"], True),
        (["docs/data.md", "tfx_pipeline/data.py", "modules/trainer.pyi", "tests/data/test_cache.py"], False),
        (["docs/data.md", FILE], True),
        (["tests/gate/samples.py"], True),
        (["uv.lock"], True),
    ],
)
def test_a_thorough_test_runs_when_what_it_covers_or_needs_has_changed(
    changed: list[str] | None, asked_for: bool
) -> None:
    assert is_asked_for(COVERED, FILE, changed) == asked_for


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_what_changed_is_committed_or_not_or_new_or_gone(tmp_path: Path) -> None:
    names = ("committed", "edited", "moved", "kept", "g\u00f6ne")
    git(tmp_path, "init", "--quiet")
    for name in names:
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    begin = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "committed").write_text("two")
    (tmp_path / "moved").rename(tmp_path / "there")
    git(tmp_path, "add", "committed", "moved", "there")
    git(tmp_path, "commit", "--quiet", "-m", "two")
    (tmp_path / "edited").write_text("two")
    (tmp_path / "new").touch()
    (tmp_path / "g\u00f6ne").unlink()
    assert sorted(changed_since(begin, tmp_path) or []) == sorted(
        ("committed", "edited", "moved", "there", "new", "g\u00f6ne")
    )


@pytest.mark.parametrize("commit", ["0" * 40, "none", "--output=file"])
def test_a_commit_that_is_not_there_tells_nothing(commit: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert changed_since(commit, tmp_path) is None
    assert changed_since(commit, tmp_path / "no folder") is None


def test_what_thorough_tests_say_that_they_cover_is_there() -> None:
    marks = [
        (path.relative_to(ROOT), re.findall(r'"([^"]*)"', arguments))
        for path in (ROOT / "tests").rglob("*.py")
        for arguments in re.findall(r"mark\.thorough\(([^)]*)\)", path.read_text(encoding="utf-8"))
    ]
    assert len(marks) > 20
    assert [file for file, paths in marks if not paths] == []
    covered = {(file, path) for file, paths in marks for path in paths}
    assert [pair for pair in covered if not (ROOT / pair[1]).exists()] == []
    assert [pair for pair in covered if (ROOT / pair[1]).is_dir() != pair[1].endswith("/")] == []
