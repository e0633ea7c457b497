"""Why a job on a Flink cluster failed, in one line: what the JobManager knows is a stack of Java's calls."""

import contextlib
import logging
import re
from typing import Any, Final

from tfx_pipeline.beam.flink import ask
from tfx_pipeline.process.errors import UserError

logger = logging.getLogger(__name__)

_PYTHON: Final = re.compile(r"Error received from SDK harness[^\n]*?Traceback.*?\n(?=\n|\tat |\Z)", re.DOTALL)
_CLASS: Final = r"(?:[\w$]+\.)+"
_MESSAGE: Final = re.compile(
    rf"^(?:Caused by: )?(?:{_CLASS}[\w$]+: )*{_CLASS}(?P<name>[\w$]+)(?:: (?P<words>.*))?$", re.MULTILINE
)
_WRAPPERS: Final = ("JobException", "ExecutionException", "RuntimeException", "CompletionException", "Exception")
_OF_JOB_SERVER: Final = re.compile(r"^Pipeline \S+ failed in state \w+: ")
_LONGEST: Final = 400

_MENDS: Final = (
    (
        "Insufficient number of network buffers",
        "set taskmanager.network.sort-shuffle.min-parallelism: 1000 in its configuration, or more network memory",
    ),
    ("Could not acquire the minimum required resources", "start TaskManagers, or set a smaller beam.parallelism"),
    (
        "No TaskExecutor registered|was lost|no longer reachable|Heartbeat of TaskManager",
        "a TaskManager ended; run again when it is back",
    ),
    ("call already cancelled|Multiplexer hanging up", "a worker ended; run again, and see what its pool says"),
    (
        "ConnectException|Connection refused|UNAVAILABLE|UnresolvedAddress|No client connected within timeout",
        "its TaskManagers find no worker at beam.worker_pool={worker_pool}; start a pool of workers there",
    ),
    (
        "InvalidClassException|ClassNotFoundException|NoClassDefFoundError|NoSuchMethodError|NoSuchFieldError",
        "the job server is for another version of Flink than the cluster's; take the one for it",
    ),
    ("OutOfMemoryError", "give its TaskManagers more memory"),
)
"""What to do, by what is found in the stack of calls."""


def failure_of(rest: str, name: str, said: str, worker_pool: str) -> UserError:
    """Says why a job failed.

    Args:
        rest: ``HOST:PORT`` of the JobManager's REST API, which is asked.
        name: The job's name.
        said: What the job server said, which counts where the JobManager does not know the job.
        worker_pool: Where the TaskManagers look for workers, for the error.

    Returns:
        The error, in one line.
    """
    trace = said
    with contextlib.suppress(UserError):
        trace = _trace(rest, name) or said
    logger.error("the job %s failed: %s", name, trace)
    return UserError(f"--flink {rest}: the job failed: {cause_of(trace, worker_pool)}")


def _trace(rest: str, name: str) -> str:
    jobs: Any = ask(rest, "/jobs/overview").get("jobs", [])
    for job in (job["jid"] for job in jobs if job["name"] == name):
        history: Any = ask(rest, f"/jobs/{job}/exceptions").get("exceptionHistory", {})
        traces = [entry.get("stacktrace") for entry in history.get("entries", [])]
        return next(filter(None, traces), "")
    return ""


def cause_of(trace: str, worker_pool: str) -> str:
    """The last cause in a stack of calls, Python's own where a worker raised it, and what to do about it.

    Args:
        trace: Java's stack of calls, which may hold Python's.
        worker_pool: ``HOST:PORT`` where the TaskManagers look for workers.
    """
    if python := _PYTHON.search(trace):
        lines = [line for line in python[0].splitlines() if line.strip() and not line.startswith((" ", "\t"))]
        return lines[-1].strip()[:_LONGEST]
    advice = next((mend.format(worker_pool=worker_pool) for sign, mend in _MENDS if re.search(sign, trace)), "")
    return "; ".join(filter(None, (_last_words(trace)[:_LONGEST].rstrip("."), advice)))


def _last_words(trace: str) -> str:
    """The words of the innermost exception that has any; the class's name where it says more than that one failed."""
    trace = _OF_JOB_SERVER.sub("", trace.strip())
    found = [match for match in _MESSAGE.finditer(trace) if match["words"]]
    if not found:
        return trace.partition("\n")[0]
    name, words = found[-1]["name"], found[-1]["words"].strip()
    return words if name in _WRAPPERS else f"{name}: {words}"
