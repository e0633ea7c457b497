"""Brings the reviews of runs on Kubeflow into the output directory, beside those of runs on this machine."""

import contextlib
import dataclasses
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import kfp_server_api

from modules.dataset import DATASET
from tfx_pipeline.kubeflow.client.artifacts import PAGE_KIND, REPORT, TENSORBOARD, Artifacts
from tfx_pipeline.kubeflow.client.cluster_run import ClusterRun, find
from tfx_pipeline.kubeflow.client.page import GoneError, Page
from tfx_pipeline.kubeflow.client.run_manifest import finished, record_of
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.watch import require_ended
from tfx_pipeline.kubeflow.tensorboard import EVENTS
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.output_lock import exclusive, write_errors_as_user_errors
from tfx_pipeline.record.run_record import KubeflowRun, RunRecord, read_record
from tfx_pipeline.review import report_pages

Say = Callable[[str], None]

LATEST: Final = "latest"
OUTPUT_FLAG: Final = "--set run.output_dir=FOLDER"
_ID: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,62}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def fetch(server: Server, run_ids: Sequence[str], root: Path, say: Say) -> None:
    """Brings the reviews of runs that have ended.

    Args:
        server: Kubeflow's API server.
        run_ids: The runs; ``latest`` is the one that was started last.
        root: The output directory; made where it does not exist.
        say: Receives a line for each thing brought.

    Raises:
        UserError: A run is unknown, has not ended, or its artifacts cannot be had; the others are brought all the same.
    """
    for run_id in run_ids:
        if not _ID.fullmatch(run_id):
            raise UserError(
                f"--fetch {run_id}: expected the id of a run, with which its page's address ends, or latest"
            )
    wanted, errors = list(dict.fromkeys(run_ids)), []
    with exclusive(root.absolute(), OUTPUT_FLAG), _scratch(root) as scratch:
        for run_id in wanted:
            try:
                _Fetch(server, run_id, root, scratch / run_id, say).do()
            except UserError as error:
                errors.append(str(error))
    reports, events = root / "report" / report_pages.COMPARISON, root / "tensorboard"
    if len(errors) < len(wanted) and reports.exists():
        say(f"see {reports}, and tools/env tensorboard --logdir {events}")
    if errors:
        more = f"{len(errors)} of {len(wanted)} runs are not here: " if len(wanted) > 1 else ""
        raise UserError(more + "; ".join(errors))


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder for what is not whole yet, on the disk where it will be."""
    folder = root / ".fetch"
    with write_errors_as_user_errors(root, OUTPUT_FLAG):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def folder_name(root: Path, run: kfp_server_api.V2beta1Run, run_id: str) -> str:
    """What a run on Kubeflow is called among those on this machine: by its start, like them, and by its id.

    Args:
        root: The output directory: a run that is there keeps its name, in whatever time zone it is fetched again.
        run: The run.
        run_id: Its id.
    """
    short = run_id.partition("-")[0] if _UUID.fullmatch(run_id) else run_id
    for part in (short, run_id):
        known = sorted((root / "runs").glob(f"*-kubeflow-{part}"))
        if not known:
            return f"{run.created_at.astimezone():%Y%m%d-%H%M%S}-kubeflow-{part}"
        if _kubeflow_run(known[0]).run_id in (None, run_id):
            return known[0].name
    raise UserError(f"{known[0]}: is another run's; move it elsewhere")


def _kubeflow_run(folder: Path) -> KubeflowRun:
    """What a run's record says of Kubeflow; nothing where it is none."""
    record = read_record(folder / "run.json")
    return (record and record.kubeflow) or KubeflowRun(None, None, "", None, {}, brought=("?",))


class _Fetch:
    """Brings one run."""

    def __init__(self, server: Server, run_id: str, root: Path, scratch: Path, say: Say) -> None:
        self._server, self._root, self._scratch, self._say = server, root, scratch, say
        self._page = Page(server)
        self._artifacts = Artifacts(self._page, server.namespace or server.client.get_user_namespace())
        self._run_id = server.latest_run(DATASET.name) if run_id == LATEST else run_id

    def do(self) -> None:
        """Brings it; nothing is there, under its name, before it is whole.

        Raises:
            UserError: It is unknown, has not ended, or its artifacts cannot be had.
        """
        run = self._server.run(self._run_id)
        require_ended(run, f"--fetch {self._run_id}")
        output = Output(self._root, folder_name(self._root, run, self._run_id))
        if _is_here(output, run):
            self._say(f"{output.run_id}: is here already")
            return
        found = find(self._server, self._page, run, self._run_id, output.run_id)
        self._say(f"{output.run_id}: {found.outcome}")
        report = self._report(found)
        events = self._events(found)
        record = record_of(found, report[1] if report else None, self._gate(found))
        with write_errors_as_user_errors(self._root, OUTPUT_FLAG):
            self._put(output, record, report[0] if report else "", events=events)

    def _put(self, output: Output, record: RunRecord, page: str, *, events: bool) -> None:
        """Puts all in its place; the manifest comes last, and says that the rest is there."""
        if record.kubeflow:
            brought = (*([TENSORBOARD] if events else []), *([REPORT] if page else []))
            record = dataclasses.replace(record, kubeflow=dataclasses.replace(record.kubeflow, brought=brought))
        self._scratch.mkdir(exist_ok=True)
        if events:
            _replace(self._scratch / TENSORBOARD, output.tensorboard)
        if page:
            (self._scratch / "report.html").write_text(page, encoding="utf-8")
            report_pages.publish(self._scratch / "report.html", output.report, record, as_index=False)
        folder = self._scratch / "run"
        folder.mkdir()
        (folder / "run.json").write_text(record.text(), encoding="utf-8")
        _replace(folder, output.run)

    def _report(self, found: ClusterRun) -> tuple[str, dict[str, Any]] | None:
        """The report and what it says of the evaluation; None for a run that did not come to it."""
        report = found.output(REPORT, PAGE_KIND)
        if report is None:
            if found.outcome.succeeded:
                raise UserError(f"--fetch {self._run_id}: the run has no report; is it one of this pipeline?")
            self._say(f"{found.id}: no report, the run did not come to its evaluation")
            return None
        page, digest = self._artifacts.read(report, _parsed_report)
        self._say(f"{found.id}: report, {len(page) / 1e6:.1f} MB")
        return page, digest

    def _events(self, found: ClusterRun) -> bool:
        """Brings the review's events, or the training's where there is no review, and says whether there are any."""
        output = found.output(TENSORBOARD) or found.output("model_run")
        if output is None:
            return False
        files = self._artifacts.copy(output, self._scratch / TENSORBOARD)
        if not any(EVENTS in file.name for file in files):
            raise UserError(f"{output.uri}: has no events for TensorBoard")
        size = sum(file.stat().st_size for file in files)
        self._say(f"{found.id}: TensorBoard events, {len(files)} files, {size / 1e6:.1f} MB")
        return True

    def _gate(self, found: ClusterRun) -> dict[str, Any] | None:
        output = found.output(REPORT, but=PAGE_KIND)
        try:
            return self._artifacts.read(output, _parsed_gate) if output else None
        except GoneError as error:
            self._say(f"{found.id}: without what the data gate found: {error}")
            return None


def _is_here(output: Output, run: kfp_server_api.V2beta1Run) -> bool:
    """Whether a run was brought, as a whole, and not retried since."""
    places = {TENSORBOARD: output.tensorboard, REPORT: output.report / f"{output.run_id}.html"}
    here = _kubeflow_run(output.run)
    whole = all(name in places and places[name].exists() for name in here.brought)
    return whole and here.finished_at == finished(run)


def _replace(new: Path, place: Path) -> None:
    """Puts a whole folder in its place; what was there before is out of the way first."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        place.rename(new.with_name(f"{new.name}.old"))
    new.rename(place)


def _parsed_report(content: bytes) -> tuple[str, dict[str, Any]]:
    page = content.decode()
    digest = report_pages.read_digest(page)
    if digest is None:
        raise ValueError("what answers is no report, perhaps a page for a log-in")
    return page, digest


def _parsed_gate(content: bytes) -> dict[str, Any]:
    report = json.loads(content)
    if not isinstance(report, dict) or "checks" not in report:
        raise ValueError("what answers is no report of the data gate")
    return report
