"""What a model may read in modules/ counts for the cache, and what Python and editors leave there does not."""

import os
from pathlib import Path

import pytest

import modules
from tfx_pipeline.steps.code_digest import modules_digest, workers_code_digest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules with a model that reads a file beside it."""
    (tmp_path / "modules" / "models").mkdir(parents=True)
    (tmp_path / "modules" / "__init__.py").touch()
    (tmp_path / "modules" / "models" / "mine.py").write_text("open('prior.json')")
    (tmp_path / "modules" / "models" / "prior.json").write_text('{"hidden": 64}')
    monkeypatch.setattr(modules, "__file__", str(tmp_path / "modules" / "__init__.py"))
    return tmp_path / "modules"


def test_a_changed_file_of_any_kind_changes_both_digests(root: Path) -> None:
    before = modules_digest(), workers_code_digest()
    (root / "models" / "prior.json").write_text('{"hidden": 32}')
    after = modules_digest(), workers_code_digest()
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("name", ["weights.h5", "models/mean.npy", "new/labels", b"caf\xe9.txt"])
def test_a_new_file_changes_the_digest(root: Path, name: str | bytes) -> None:
    before = modules_digest()
    path = root / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert modules_digest() != before


def test_a_file_behind_a_link_to_a_folder_counts(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (root / "store").symlink_to(tmp_path / "store")
    before = modules_digest()
    (tmp_path / "store" / "weights").write_bytes(b"1")
    assert modules_digest() != before


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__/mine.cpython-313.pyc",
        "models/mine.pyc",
        ".mine.py.swp",
        "mine.py~",
        "#mine.py#",
        ".DS_Store",
        ".ipynb_checkpoints/mine.py",
    ],
)
def test_what_python_and_editors_leave_is_no_other_code(root: Path, name: str) -> None:
    before = modules_digest()
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).touch()
    assert modules_digest() == before


def test_links_to_nowhere_and_to_folders_above_end(root: Path) -> None:
    before = modules_digest()
    (root / "above").symlink_to(root)
    (root / "nowhere").symlink_to(root / "missing")
    assert modules_digest() == before
