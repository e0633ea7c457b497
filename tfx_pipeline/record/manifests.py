"""Writes run.json when a run begins and when it is over."""

import contextlib
import json

from tfx_pipeline.process.files import write_atomically
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.run_record import RunRecord


def begin(output: Output, record: RunRecord) -> None:
    """Writes a run's first record; where the run before never wrote its last one, that becomes one of a failed run.

    So nobody takes the result of an earlier run for this one's, whatever ends the process.
    """
    latest = output.manifests[1]
    with contextlib.suppress(OSError, ValueError, KeyError):  # there is none, or somebody edited it
        before = json.loads(latest.read_text(encoding="utf-8"))
        if before["status"] == "running":
            ended = before | {"status": "failed", "error": "its process was ended before the run was over"}
            write_atomically(Output(output.root, before["run_id"]).manifests[0], json.dumps(ended, indent=2) + "\n")
    for path in output.manifests:
        write_atomically(path, record.text())


def write(output: Output, record: RunRecord) -> None:
    """Writes a run's last record, for the run and as the latest; raises an OSError where it cannot."""
    for path, room in zip(output.manifests, output.manifest_rooms, strict=True):
        write_atomically(path, record.text(), room)
