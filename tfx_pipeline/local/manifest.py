"""run.json: what a run did, for programs."""

import dataclasses
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.config.sections import Config
from tfx_pipeline.local.outcome import Outcome
from tfx_pipeline.local.progress import ComponentRun
from tfx_pipeline.process.redaction import redact_all

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


def manifest(
    *,
    run_id: str,
    error: str | None,
    wall_seconds: float,
    components: list[ComponentRun],
    outcome: Outcome,
    config: Config,
) -> dict[str, Any]:
    """Describes a run.

    Args:
        run_id: The run's name.
        error: One line, or None where the run succeeded.
        wall_seconds: From the start of the run to its end.
        components: Every component, in the order of execution.
        outcome: What the run came to.
        config: Every value that was given; the model's own are those of ``outcome``.

    Returns:
        The content of ``run.json``, without secrets.
    """
    values = config.model_dump(mode="json", exclude={"kubeflow"})
    values["training"] |= outcome.training
    content = {
        "run_id": run_id,
        "status": "failed" if error else "succeeded",
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
        "config": values,
        "versions": versions(),
        "git_commit": git_commit(),
    }
    return {key: redact_all(value) for key, value in content.items()}


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
