"""Keeps the reports of many runs in one folder: the newest as its index, a list of the others, and a comparison."""

import json
import re
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.process.files import write_atomically
from tfx_pipeline.record.run_record import RunRecord
from tfx_pipeline.review.report_writer import embedded, environment

INDEX: Final = "index.html"
COMPARISON: Final = "compare.html"
_DIGEST: Final = re.compile(r'<script type="application/json" id="review">(.*?)</script>', re.DOTALL)


def publish(report: Path, directory: Path, run: RunRecord, *, as_index: bool = True) -> Path:
    """Adds a run's report to the folder and makes it the index.

    Args:
        report: The page that evaluation-review wrote.
        directory: The folder; made where it does not exist.
        run: What to add to the page: its name, the components, and where the model was pushed.
        as_index: False where it is the index only if no other run is newer, by the names.

    Returns:
        The index.

    Raises:
        OSError: The folder cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pages = environment()
    page = _fill(
        report.read_text(encoding="utf-8"),
        run=pages.get_template("run.html.j2").render(run=run),
        links=pages.get_template("links.html.j2").render(index=INDEX, comparison=COMPARISON),
        timings=pages.get_template("timings.html.j2").render(run=run),
    )
    write_atomically(directory / f"{run.run_id}.html", page)
    runs = read_runs(directory)
    current = run.run_id if as_index else next(iter(runs))
    earlier = pages.get_template("runs.html.j2").render(runs=runs, current=current, comparison=COMPARISON)
    write_atomically(
        directory / COMPARISON, pages.get_template("compare.html.j2").render(runs=embedded(runs), index=INDEX)
    )
    page = (directory / f"{current}.html").read_text(encoding="utf-8")
    write_atomically(directory / INDEX, _fill(page, runs=earlier))
    return directory / INDEX


def read_runs(directory: Path) -> dict[str, Any]:
    """Reads the digest in each report of the folder.

    Args:
        directory: The folder.

    Returns:
        The reports' digests by run id, newest first; a file that holds none is passed over.
    """
    runs = {}
    names = sorted((p for p in directory.glob("*.html") if p.name not in (INDEX, COMPARISON)), reverse=True)
    for path in names:
        digest = read_digest(path.read_text(encoding="utf-8"))
        if digest:
            runs[path.stem] = digest
    return runs


def read_digest(page: str) -> dict[str, Any] | None:
    """Reads what a report says of the evaluation; None where the page is no report."""
    match = _DIGEST.search(page)
    return dict(json.loads(match.group(1))) if match else None


def _fill(page: str, **slots: str) -> str:
    for name, content in slots.items():
        page = page.replace(f"<!-- slot:{name} -->", content, 1)
    return page
