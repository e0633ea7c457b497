"""What evaluation-review costs on 10,000 images beyond its imports: ``python -m bench.review [--output-dir DIR]``.

Runs the pipeline on the whole data first, unless DIR holds such a run; then runs the step's executor once more, in this
process, on the same artifacts, and prints its time, its peak memory and the time of each part.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.process import ROOT

SECONDS_ALLOWED = 10.0
MEGABYTES_ALLOWED = 1024.0


def peak_megabytes() -> float:
    """The most memory that this process has used so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long a block takes, in seconds of wall time."""
    begin = time.perf_counter()
    yield
    times[name] = time.perf_counter() - begin


def make_run(output: Path) -> None:
    """Runs the pipeline on the whole data, one epoch, without thresholds."""
    flags = ["--epochs", "1", "--min-accuracy", "0", "--min-class-accuracy", "0"]
    command = [sys.executable, "local_runner.py", "--output-dir", str(output), *flags]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own program


def measure_step(output: Path) -> dict[str, float]:
    """Runs the executor on the newest run's artifacts.

    Args:
        output: The run's output directory.

    Returns:
        Seconds of the imports and of the step, and the peak memory in MB before and after the step.
    """
    times: dict[str, float] = {}
    with timed(times, "imports"):
        from ml_metadata.metadata_store import MetadataStore  # noqa: PLC0415 - the imports are measured
        from ml_metadata.proto import metadata_store_pb2  # noqa: PLC0415
        from tfx.orchestration.metadata import sqlite_metadata_connection_config  # noqa: PLC0415
        from tfx.types import artifact_utils  # noqa: PLC0415

        from tfx_pipeline.components.evaluation_review import EvaluationReviewSpec, Executor  # noqa: PLC0415

    store = MetadataStore(sqlite_metadata_connection_config(str(output / "metadata.db")))
    execution = max(store.get_executions_by_type("tfx_pipeline.components.evaluation_review.EvaluationReview"),
                    key=lambda found: found.id)  # fmt: skip
    events = [e for e in store.get_events_by_execution_ids([execution.id]) if e.type == metadata_store_pb2.Event.INPUT]
    keys = {event.artifact_id: event.path.steps[0].key for event in events}
    inputs = {
        keys[found.id]: [artifact_utils.deserialize_artifact(kind, found)]
        for found in store.get_artifacts_by_id(list(keys))
        for kind in store.get_artifact_types_by_id([found.type_id])
    }
    before = peak_megabytes()
    with tempfile.TemporaryDirectory() as scratch:
        outputs = {}
        for key, parameter in EvaluationReviewSpec.OUTPUTS.items():
            artifact = parameter.type()
            artifact.uri = f"{scratch}/{key}"
            outputs[key] = [artifact]
        with timed(times, "step"):
            Executor().Do(inputs, outputs, {})
        page = Path(scratch, "report").stat().st_size
    return times | {"memory before": before, "memory after": peak_megabytes(), "page": page / 2**20}


def main() -> int:
    """Measures, prints a table and returns 1 where the step takes more than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.review", description=__doc__.splitlines()[0])
    parser.add_argument("--output-dir", type=Path, help="of a run on the whole data; it is made where there is none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        output = (arguments.output_dir or Path(scratch)).absolute()
        if not (output / "run.json").is_file():
            make_run(output)
        examples = json.loads((output / "run.json").read_text())["metrics"]["num_examples"]
        figures = measure_step(output)
    table = Table("evaluation-review", "", title=f"{examples:,} images")
    for name, unit, limit in (
        ("imports", "s", None),
        ("step", "s", SECONDS_ALLOWED),
        ("memory before", "MB", None),
        ("memory after", "MB", MEGABYTES_ALLOWED),
        ("page", "MB", 3.0),
    ):
        table.add_row(name, f"{figures[name]:.2f} {unit}" + (f" (at most {limit:.0f})" if limit else ""))
    Console().print(table)
    return int(figures["step"] > SECONDS_ALLOWED or figures["memory after"] > MEGABYTES_ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
