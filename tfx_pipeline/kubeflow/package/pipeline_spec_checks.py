"""Refuses a package with settings that the backend would reject, or would run otherwise than it reads.

What no setting can break, the structure of the package, is checked by the tests.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tfx_pipeline.kubeflow.package.exit_step import graphs
from tfx_pipeline.process.errors import UserError

_PLACEHOLDER: Final = re.compile(r"\{\{\$(\.[^{}]+)?\}\}")
_WORKSPACE: Final = ("{{$.workspace_path}}", "/kfp-workspace")


class Problem(NamedTuple):
    """Why the backend would not take the package, and where."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def check_spec(spec: dict[str, Any]) -> Iterator[Problem]:
    """Finds each problem of the pipeline spec, the package's first document."""
    for name, definition in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        for text in strings(definition):
            yield from (Problem(f"parameter {name}", reason) for reason in _expansions(text))
    for graph in graphs(spec):
        for task_name, task in graph["dag"]["tasks"].items():
            for reason in _task(task, spec):
                yield Problem(f"task {task_name}", reason)


def _task(task: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    yield from _retries(task.get("retryPolicy", {}))
    component = spec["components"][task["componentRef"]["name"]]
    if "dag" not in component:
        executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
        for text in [*strings(task), *strings(component), *strings(executor)]:
            yield from _expansions(text)


def _retries(policy: dict[str, Any]) -> Iterator[str]:
    """What Argo cannot do, and says only when the step has failed."""
    if not policy:
        return
    factor = policy.get("backoffFactor", 1)
    if factor != int(factor):
        yield f"waits {factor} times as long with each retry, and Argo takes whole numbers alone"
    wait, window = (float(policy.get(key, "0s")[:-1]) for key in ("backoffDuration", "backoffMaxDuration"))
    waits = sum(wait * factor**retry for retry in range(policy["maxRetryCount"]))
    if window <= waits:
        late = f"is over before its retries have waited {waits:g} s"
        yield f"its retry_window of {window:g} s {late}; raise it, or set retries=0"


def _expansions(text: str) -> Iterator[str]:
    """What Argo or Kubernetes would replace in a text on its way into the container."""
    shown = text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - what fits in a line
    if "{{" in text and not _PLACEHOLDER.fullmatch(text):
        yield f"{shown!r} has {{{{ in it, which Argo takes for a template"
    if "$(" in text or "$$" in text:
        yield f"{shown!r} has $( or $$ in it, which Kubernetes replaces"


def strings(value: Any) -> Iterator[str]:
    """Every text in a document, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def mentions_workspace(task: dict[str, Any]) -> bool:
    """Whether Kubeflow mounts the workspace for a task: where a parameter's value mentions its path."""
    parameters = task.get("inputs", {}).get("parameters", {})
    return any(mark in text for text in strings(parameters) for mark in _WORKSPACE)


def refuse(problems: Iterator[Problem]) -> None:
    """Raises a ``UserError`` with the first problem that the checks found, if there is one."""
    found = list(problems)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise UserError(f"the package is not written, Kubeflow would refuse it: {found[0]}{more}")
