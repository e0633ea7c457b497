"""LocalDagRunner: what does not depend on a failed component still runs."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import apache_beam as beam
import pytest
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Model

from tests.small_run import ROOT
from tfx_pipeline.beam.options import beam_options
from tfx_pipeline.local.progress import Progress, State
from tfx_pipeline.local.runner import LocalDagRunner
from tfx_pipeline.process import signals
from tfx_pipeline.process.errors import UserError


@component
def Step(  # noqa: N802 - TFX names function components like classes
    out: OutputArtifact[Model], file: Parameter[str], fails: Parameter[int]
) -> None:
    if fails:
        raise ValueError(f"{file} failed")
    Path(file).touch()


class Quiet:
    """A display that shows nothing."""

    def started(self, component: str) -> None:
        """A component begins."""

    def finished(self, component: str, state: State, seconds: float) -> None:
        """A component ended."""

    def note(self, text: str) -> None:
        """Something to know of."""


def pipeline_of(folder: Path, *components: BaseNode, cache: bool = False) -> Pipeline:
    """A pipeline of these components, with all that it leaves in a folder."""
    return Pipeline(
        pipeline_name="test",
        pipeline_root=str(folder / "pipeline"),
        metadata_connection_config=sqlite_metadata_connection_config(str(folder / "metadata.db")),
        enable_cache=cache,
        components=list(components),
    )


@pytest.fixture
def states(tmp_path: Path) -> dict[str, State]:
    """A first step, a review that fails, what depends on the review, and a push that does not."""
    first = Step(file=str(tmp_path / "first"), fails=0).with_id("first")
    review = Step(file=str(tmp_path / "a-review"), fails=1).with_id("a-review")
    after = Step(file=str(tmp_path / "after"), fails=0).with_id("after")
    push = Step(file=str(tmp_path / "push"), fails=0).with_id("push")
    review.add_upstream_node(first)
    push.add_upstream_node(first)
    after.add_upstream_node(review)
    pipeline = pipeline_of(tmp_path, first, review, after, push)
    progress = Progress(Quiet())
    progress.expect([node.id for node in pipeline.components])
    with pytest.raises(Exception, match="a-review failed"):
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    return {name: run.state for name, run in progress.components.items()}


def test_only_what_depends_on_a_failed_component_does_not_run(states: dict[str, State], tmp_path: Path) -> None:
    assert states == {"first": "succeeded", "a-review": "failed", "push": "succeeded", "after": "not run"}
    assert (tmp_path / "push").is_file()
    assert not (tmp_path / "after").exists()


def test_what_a_failed_component_leaves_without_use_does_not_run(tmp_path: Path) -> None:
    gate = Step(file=str(tmp_path / "a-gate"), fails=1).with_id("gate")
    # Its name comes first, and it waits for nothing.
    beside = Step(file=str(tmp_path / "beside"), fails=0).with_id("beside")
    start = Step(file=str(tmp_path / "start"), fails=0).with_id("start")
    after = Step(file=str(tmp_path / "after"), fails=0).with_id("after")
    gate.add_upstream_node(start)
    after.add_upstream_node(gate)
    after.add_upstream_node(beside)
    pipeline = pipeline_of(tmp_path, start, gate, beside, after)
    progress = Progress(Quiet())
    with pytest.raises(Exception, match="a-gate failed"):
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    assert [(name, run.state) for name, run in progress.components.items()] == [
        ("start", "succeeded"), ("gate", "failed"), ("beside", "not run"), ("after", "not run"),
    ]  # fmt: skip
    assert not (tmp_path / "beside").exists()


@component
def Leaver(out: OutputArtifact[Model], how: Parameter[str]) -> None:  # noqa: N802
    if how == "interrupt":
        raise KeyboardInterrupt
    if how.startswith("thread"):
        thread = threading.Thread(target=lambda: {"exits": os._exit, "leaves": sys.exit, "fails": [].pop}[how[7:]](0))
        thread.start()
        thread.join()
        return
    if how == "child":
        if os.fork() == 0:
            os._exit(3)
        os.wait()
        return
    if how.startswith("os"):
        with contextlib.suppress(SystemExit if how == "os, swallowed" else ZeroDivisionError):
            os._exit(0)
        return
    sys.exit(int(how))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("0", "SystemExit: 0"),
        ("3", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt: "),
        ("os", "os._exit(0)"),
        ("os, swallowed", "os._exit(0)"),
        ("thread exits", "os._exit(0)"),
        ("thread leaves", "SystemExit: 0 in a thread"),
        ("thread fails", "IndexError: pop from empty list in a thread"),
    ],
)
def test_a_component_that_ends_the_program_has_failed(how: str, words: str, tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path, Leaver(how=how).with_id("trainer"))
    progress = Progress(Quiet())
    with pytest.raises(UserError, match=re.escape(f"trainer: its code ended the program ({words}); have it return")):
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    assert progress.components["trainer"].state == "failed"
    assert os._exit.__module__ == "posix"


@component
def BeamLeaver(out: OutputArtifact[Model]) -> None:  # noqa: N802
    with beam.Pipeline(argv=beam_options([])) as pipeline:
        _ = pipeline | beam.Create([0]) | beam.Map(sys.exit)


def test_a_component_whose_code_leaves_a_worker_of_beam_has_failed(tmp_path: Path) -> None:
    pipeline = pipeline_of(tmp_path, BeamLeaver().with_id("trainer"))
    progress = Progress(Quiet())
    with pytest.raises(RuntimeError, match="SystemExit: 0"):
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    assert progress.components["trainer"].state == "failed"


def run_with_child(folder: str) -> None:
    pipeline = pipeline_of(Path(folder), Leaver(how="child").with_id("trainer"))
    progress = Progress(Quiet())
    LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    assert progress.components["trainer"].state == "succeeded"


def test_a_child_process_of_a_component_may_end_as_it_likes(tmp_path: Path) -> None:
    # In a process of its own: a fork waits for ever where another test of this one has used gRPC.
    code = f"from tests.local.test_runner import run_with_child; run_with_child({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=300)
    assert (tmp_path / "metadata.db").exists()


@component
def Swallower(out: OutputArtifact[Model], file: Parameter[str]) -> None:  # noqa: N802
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except BaseException:  # noqa: BLE001 - as some libraries do
        Path(file).touch()


def test_an_interrupt_that_a_library_swallows_ends_the_run_after_the_component(tmp_path: Path) -> None:
    first = Swallower(file=str(tmp_path / "swallowed")).with_id("first")
    after = Step(file=str(tmp_path / "after"), fails=0).with_id("after")
    after.add_upstream_node(first)
    pipeline = pipeline_of(tmp_path, first, after)
    progress = Progress(Quiet())
    progress.expect(["first", "after"])
    with signals.raising(), pytest.raises(signals.Interrupted):
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
    assert (tmp_path / "swallowed").exists()
    assert {name: run.state for name, run in progress.components.items()} == {"first": "succeeded", "after": "not run"}
