"""run.json: what a run did, for programs."""

import contextlib
import dataclasses
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from tfx_pipeline.config.sections import Config
from tfx_pipeline.local.outcome import Outcome
from tfx_pipeline.local.progress import ComponentRun
from tfx_pipeline.process.files import write_atomically
from tfx_pipeline.process.redaction import redact_all
from tfx_pipeline.record.output import Output

PACKAGES: Final = (
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "ml-metadata",
    "apache-beam",
    "numpy",
)


NOTHING: Final = Outcome()
"""What a run came to when it has just begun."""


def manifest(
    *,
    run_id: str,
    config: Config,
    commit: str | None,
    status: Literal["running", "failed", "succeeded"] = "running",
    error: str | None = None,
    wall_seconds: float = 0.0,
    components: Sequence[ComponentRun] = (),
    outcome: Outcome = NOTHING,
) -> dict[str, Any]:
    """Describes a run.

    Args:
        run_id: The run's name.
        config: Every value that was given; the model's own are those of ``outcome``.
        commit: What ``git_commit`` gives when the run begins.
        status: How the run went; "running" from its start to its end, and for good where its process is ended.
        error: One line where the run failed.
        wall_seconds: From the start of the run to its end.
        components: Every component, in the order of execution.
        outcome: What the run came to.

    Returns:
        The content of ``run.json``, without secrets.
    """
    values = config.model_dump(mode="json", exclude={"kubeflow"})
    values["training"] |= outcome.training
    content = {
        "run_id": run_id,
        "status": status,
        "error": error,
        "wall_seconds": round(wall_seconds, 3),
        "components": [{**dataclasses.asdict(c), "seconds": round(c.seconds, 3)} for c in components],
        "metrics": outcome.metrics,
        "blessed": outcome.blessed,
        "refusals": list(outcome.refusals),
        "baseline": outcome.baseline,
        "pushed": outcome.pushed,
        "data": outcome.data,
        "data_gate": outcome.data_gate,
        "tuning": outcome.tuning,
        "config": values,
        "versions": versions(),
        "git_commit": commit,
    }
    return {key: redact_all(value) for key, value in content.items()}


def write(output: Output, content: dict[str, Any]) -> None:
    """Writes a run's last manifest, for the run and as the latest; raises an OSError where it cannot."""
    for path, room in zip(output.manifests, output.manifest_rooms, strict=True):
        write_atomically(path, _text(content), room)


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def begin(output: Output, content: dict[str, Any]) -> None:
    """Writes a run's first manifest; where the run before never wrote its last one, this becomes that of a failed run.

    So nobody takes the result of an earlier run for this one's, whatever ends the process.
    """
    latest = output.manifests[1]
    with contextlib.suppress(OSError, ValueError, KeyError):  # there is none, or somebody edited it
        before = json.loads(latest.read_text(encoding="utf-8"))
        if before["status"] == "running":
            ended = before | {"status": "failed", "error": "its process was ended before the run was over"}
            write_atomically(Output(output.root, before["run_id"]).manifests[0], _text(ended))
    for path in output.manifests:
        write_atomically(path, _text(content))


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def git_commit(checkout: Path = Path(__file__).parent) -> str | None:
    """The commit of this checkout, with ``-dirty`` where files differ or are new; None without git or a commit."""
    # The checkout may belong to another user than the one in the container.
    command = ["git", "-c", "safe.directory=*", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        answer = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    commit, *lines = answer.stdout.splitlines()
    dirty = any(not line.startswith("#") for line in lines)
    return None if "(initial)" in commit else commit.removeprefix("# branch.oid ") + "-dirty" * dirty
