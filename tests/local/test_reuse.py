"""What an earlier run left is reused only where it is still what was written, and only within its own directory."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model

from tests.local.test_runner import Quiet, pipeline_of
from tfx_pipeline.local import reuse
from tfx_pipeline.local.progress import Progress, State
from tfx_pipeline.local.runner import LocalDagRunner
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record import seal
from tfx_pipeline.record.seal import damage, sealed


@component
def Writer(out: OutputArtifact[Model]) -> None:  # noqa: N802 - TFX names function components like classes
    Path(out.uri, "folder").mkdir(parents=True)
    Path(out.uri, "folder", "weights").write_text("0.5")
    Path(out.uri, "model").write_text("dense")


class Notes(Quiet):
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(root: Path, run_id: str, *, cache: bool = True) -> tuple[State, list[str]]:
    """Runs the one component in an output directory; returns what became of it, and the notes."""
    pipeline = pipeline_of(root, Writer().with_id("writer"), cache=cache)
    notes = Notes()
    progress = Progress(notes)
    LocalDagRunner(run_id=run_id, progress=progress).run(pipeline)
    return progress.components["writer"].state, notes.notes


def written(root: Path) -> Path:
    """The newest artifact."""
    return max((root / "pipeline" / "writer" / "out").iterdir(), key=lambda path: int(path.name))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output directory in which the component ran."""
    assert run(tmp_path / "output", "1") == ("succeeded", [])
    return tmp_path / "output"


def test_what_is_as_it_was_written_is_reused(root: Path) -> None:
    assert run(root, "2") == ("cached", [])
    assert run(root, "3") == ("cached", [])


def test_the_cost_does_not_grow_with_what_earlier_runs_left(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(seal, "sealed", lambda step, uri: looked_at.append(uri) or sealed(step, uri))
    monkeypatch.setattr(seal, "damage", lambda artifact: looked_at.append(str(artifact.path)) or damage(artifact))
    for number in range(2, 6):
        assert run(root, str(number), cache=False) == ("succeeded", [])
    assert looked_at == [f"{root}/pipeline/writer/out/{number}" for number in range(2, 6)]
    assert run(root, "6") == ("cached", [])
    assert looked_at[4:] == [f"{root}/pipeline/writer/out/5"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "cut short": lambda artifact: (artifact / "folder" / "weights").write_text("0"),
    "changed": lambda artifact: (artifact / "folder" / "weights").write_text("0.6"),
    "gone": lambda artifact: (artifact / "model").unlink(),
    "added": lambda artifact: (artifact / "more").touch(),
    "renamed": lambda artifact: (artifact / "model").rename(artifact / "other"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_damaged_artifact_is_made_anew_with_a_note(root: Path, change: Callable[[Path], object]) -> None:
    damaged = written(root)
    change(damaged)
    state, notes = run(root, "2")
    assert state == "succeeded"
    assert notes == [f"writer: {damaged} is not what was written there: not reused"]
    assert (written(root) / "model").read_text() == "dense"
    assert run(root, "3") == ("cached", [])


def test_an_artifact_of_a_version_that_noted_nothing_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(reuse, "seal_outputs", lambda _store, _execution, _step: None)
        run(tmp_path, "1")
    note = f"writer: {tmp_path}/pipeline/writer/out/1 is not what was written there: not reused"
    assert run(tmp_path, "2") == ("succeeded", [note])
    assert run(tmp_path, "3") == ("cached", [])


def test_a_copied_directory_takes_nothing_from_the_place_it_was_copied_from(root: Path) -> None:
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    state, notes = run(copy, "2")
    assert state == "succeeded"
    assert notes == [f"writer: {written(root)} is another directory's: not reused"]
    assert written(copy).is_relative_to(copy)
    assert run(copy, "3") == ("cached", [])
    assert run(root, "4") == ("cached", [])


def test_a_moved_directory_does_not_take_what_a_later_run_left_in_its_old_place(root: Path) -> None:
    moved = root.with_name("monday")
    root.rename(moved)
    assert run(root, "2") == ("succeeded", [])
    assert run(moved, "3")[0] == "succeeded"
    assert written(moved).is_relative_to(moved)


@component
def Damager(done: OutputArtifact[Model], artifacts: Parameter[str], how: Parameter[str]) -> None:  # noqa: N802
    (artifact,) = Path(artifacts).iterdir()
    CHANGES[how](artifact)


@component
def Reader(model: InputArtifact[Model], out: OutputArtifact[Model]) -> None:  # noqa: N802
    raise AssertionError("it ran with a damaged input")


FOUND = {
    "cut short": "folder/weights: was changed",
    "changed": "folder/weights: was changed",
    "gone": "model: is missing",
    "added": "more: was added",
    "renamed": "model: is missing",
}


@pytest.mark.parametrize("how", CHANGES)
def test_what_is_damaged_between_two_components_is_named_and_not_read(how: str, tmp_path: Path) -> None:
    writer = Writer().with_id("writer")
    damager = Damager(artifacts=str(tmp_path / "pipeline" / "writer" / "out"), how=how).with_id("damager")
    reader = Reader(model=writer.outputs["out"]).with_id("reader")
    damager.add_upstream_node(writer)
    reader.add_upstream_node(damager)
    pipeline = pipeline_of(tmp_path, writer, damager, reader)
    progress = Progress(Quiet())
    with pytest.raises(UserError) as refused:
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    damaged = written(tmp_path)
    assert str(refused.value) == (f"{damaged}/{FOUND[how]}, which is not what writer left; run again with --no-cache")
    assert {name: run.state for name, run in progress.components.items()} == {
        "writer": "succeeded", "damager": "succeeded", "reader": "failed",
    }  # fmt: skip
