"""What run.json says of the code."""

import subprocess
from pathlib import Path

import pytest

from tfx_pipeline.record.versions import git_commit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one commit, with a folder whose files git ignores."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "trainer.py").write_text("EPOCHS = 1\n")
    (tmp_path / ".gitignore").write_text("/output\n")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    return tmp_path


def head(checkout: Path) -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_named_where_nothing_differs(checkout: Path) -> None:
    (checkout / "output").symlink_to("/elsewhere")
    assert git_commit(checkout / "modules") == head(checkout)


@pytest.mark.parametrize("file", ["modules/trainer.py", "modules/models.py", "new"])
def test_edited_code_is_not_passed_off_as_the_commit(checkout: Path, file: str) -> None:
    (checkout / file).write_text("EPOCHS = 2\n")
    assert git_commit(checkout / "modules") == f"{head(checkout)}-dirty"


def test_without_a_commit_there_is_none(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S607
    assert git_commit(tmp_path) is None
    assert git_commit(tmp_path / "nowhere") is None
