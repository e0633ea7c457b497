"""The pods of a run's steps, from Argo's workflow, and what a step's log says last."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_NODE: Final = re.compile(r"\.(?P<step>[-\w]+)(?:\(\d+\)\.executor|\.executor|(?P<driver>-driver))(?:\(\d+\))?$")
_LAUNCHERS: Final = re.compile(r"[IWEF]\d{4} |time=.* argo=true|Error: exit status ")
"""What Kubeflow's launcher and Argo's own process say in a step's log, before and after the step."""
_ERROR: Final = "error: "
_FATAL: Final = re.compile(r"F\d{4} .*?\] ")
"""How Kubeflow's driver begins the line with which it gives up."""
_EXIT_CODE: Final = re.compile(r"(main: )?Error \(exit code 1\)")
"""What Argo says of a container that failed by itself: its log says more."""
_COUNTED_TWICE: Final = "two tasks have the same task name"
_DOOMED: Final = (
    "a driver's pod was made anew, and Kubeflow counts its step twice from then on; neither waiting nor --retry-run "
    "helps: start a new run, which takes what is finished from the cache"
)
_REFUSED: Final = re.compile(r" is forbidden: (?!exceeded quota)| denied the request| is invalid: ")
"""How Kubernetes words that it makes no pod as it is asked for. A quota may have room later."""


class Pod(NamedTuple):
    """The last pod of a step: its driver's, or the executor's once that was made.

    Attributes:
        name: What Argo calls it.
        namespace: Where it is.
        waits: Whether it has no node or no image yet.
        reason: What Argo says of it.
        lost: Whether it ended without its container's own end: it was deleted, or never made.
        refused: Whether Kubernetes does not make such a pod, as where Pod Security forbids it.
        driver: Whether it is the driver's, which comes before the step.
    """

    name: str
    namespace: str
    waits: bool
    reason: str
    lost: bool = False
    refused: bool = False
    driver: bool = False


def pods(workflow: Mapping[str, Any]) -> dict[str, Pod]:
    """Finds the pod of each step.

    Args:
        workflow: Argo's workflow with its status.

    Returns:
        The pod by step; none where the status is stored elsewhere, as that of a very large workflow is.
    """
    nodes = [node for node in workflow["status"].get("nodes", {}).values() if node["type"] == "Pod"]
    found = {}
    for node in sorted(nodes, key=lambda node: str(node.get("startedAt"))):
        if match := _NODE.search(node["name"]):
            found[match["step"]] = _pod(node, workflow["metadata"], driver=bool(match["driver"]))
    return found


def _pod(node: Mapping[str, Any], metadata: Mapping[str, Any], *, driver: bool) -> Pod:
    # Argo calls a pod by the workflow, the template and the hash that ends the node's id (util.GeneratePodName).
    name = f"{metadata['name']}-{node['templateName']}-{node['id'].rpartition('-')[2]}"
    reason = " ".join(str(node.get("message", "")).split())
    phase = node.get("phase")
    lost = phase == "Error"
    refused = lost and bool(_REFUSED.search(reason))
    return Pod(name, metadata.get("namespace", ""), phase == "Pending", reason, lost, refused, driver)


def failure(pod: Pod, log: str) -> str:
    """Why a step failed: what its log says, or Argo where that tells more than that its container did."""
    if pod.driver:
        if _COUNTED_TWICE in log:
            return _DOOMED
        gave_up = [_FATAL.sub("", line, count=1).strip() for line in log.splitlines() if _FATAL.match(line)]
        return (gave_up or [_own_message(pod) or last_line(log)])[-1]
    last = last_line(log)
    return last if last and f"{_ERROR}{last}" in log else _own_message(pod) or last


def _own_message(pod: Pod) -> str:
    return "" if pod.waits or _EXIT_CODE.fullmatch(pod.reason) else pod.reason


def last_line(log: str) -> str:
    """What a step's log says last: its error's line where it has one, without what its surroundings say."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not _LAUNCHERS.match(line)]
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (errors or lines or [""])[-1]
