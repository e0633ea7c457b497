"""Follows a run on Kubeflow: each step's state as it changes, and what the run comes to."""

import contextlib
import datetime
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

import kfp_server_api

from tfx_pipeline.kubeflow.client.page import Page
from tfx_pipeline.kubeflow.client.pods import Pod, failure
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.step_states import (
    FAILED,
    FORBIDDEN,
    HELD,
    ROOT,
    SUCCEEDED,
    WAITING,
    corrected,
    has_troubled,
    named_steps,
    step_states,
)
from tfx_pipeline.process.errors import RunFailedError, UserError
from tfx_pipeline.process.redaction import redact

FINAL: Final = frozenset({SUCCEEDED, "FAILED", "SKIPPED", "CANCELED", "ERROR"})
DONE: Final = (SUCCEEDED, "SKIPPED")
_PATIENCE: Final = 6  # answers in a row that may fail before the run is no longer followed
_STALE: Final = 12  # answers that may still be those of before a run was taken up again
_SHOWN_AFTER: Final = 2  # answers in a row that have a step wait: each does for a moment
_HINT_AFTER: Final = 12  # the same, for the command that shows more


class Outcome(NamedTuple):
    """How a run ended."""

    state: str
    failed: tuple[str, ...]
    reason: str

    @property
    def succeeded(self) -> bool:
        """Whether it ran to its end."""
        return self.state == SUCCEEDED

    def __str__(self) -> str:
        where = f" at {', '.join(self.failed)}" if self.failed else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.state.lower()}{where}{reason}"


def follow_to_the_end(
    server: Server,
    run_id: str,
    steps: Collection[str],
    say: Callable[[str], None],
    *,
    since: datetime.datetime | None = None,
) -> None:
    """Follows a run as ``watch`` does, and says where it can be seen when it has succeeded.

    Raises:
        UserError: The server fails to answer several times in a row.
        RunFailedError: The run failed, or cannot go on.
    """
    url = server.run_url(run_id)
    try:
        outcome = watch(server, run_id, steps, say, since=since)
    except KeyboardInterrupt:
        say(f"no longer followed, but goes on: {url}")
        raise
    if not outcome.succeeded:
        raise RunFailedError(f"the run {outcome}; see {url}")
    say(f"succeeded {url}")


def watch(
    server: Server,
    run_id: str,
    steps: Collection[str],
    say: Callable[[str], None],
    *,
    since: datetime.datetime | None = None,
    seconds_between: float = 5.0,
) -> Outcome:
    """Follows a run to its end.

    Args:
        server: Kubeflow's API server.
        run_id: The run.
        steps: The ids of the steps; of those that the server names where there are none.
        say: Receives a line for each change.
        since: When an earlier attempt of the run had ended: what failed until then is not counted.
        seconds_between: Time between two questions.

    Returns:
        How it ended.

    Raises:
        UserError: The server fails to answer several times in a row.
        RunFailedError: Kubernetes does not make the pod of a step, however often Kubeflow tries.
    """
    progress = _Progress(server, run_id, steps, say, since)
    failures = stale = 0
    while True:
        try:
            run = server.run(run_id)
        except UserError:
            failures += 1
            if failures == _PATIENCE:
                raise
            time.sleep(seconds_between)
            continue
        failures = 0
        progress.show(run)
        if run.state in FINAL:
            stale = stale + 1 if _is_before(run.finished_at, since) else 0
            if stale in (0, _STALE):
                return progress.outcome(run)
        time.sleep(seconds_between)


def require_ended(run: kfp_server_api.V2beta1Run, given: str) -> None:
    """Raises a ``UserError`` where a run, which was ``given`` so, still goes on."""
    if run.state not in FINAL:
        state = str(run.state).lower()
        raise UserError(f"{given}: the run has not ended, its state is {state}; wait for it")


def outcome_of(server: Server, run: kfp_server_api.V2beta1Run, run_id: str, steps: Collection[str]) -> Outcome:
    """How a run that has ended did; the arguments are those of ``watch``, and what the server says of the run."""
    progress = _Progress(server, run_id, steps, lambda _: None, None)
    progress.show(run)
    return progress.outcome(run)


def _is_before(end: datetime.datetime | None, since: datetime.datetime | None) -> bool:
    return since is not None and end is not None and end <= since


def _forbidden(step: str, reason: str, url: str) -> str:
    """What to do with a run that Kubernetes gives no pod: Kubeflow tries its steps, and all of it, again and again."""
    own = "; without run_as_user=0 and run_as_non_root=false, a package passes" if "PodSecurity" in reason else ""
    again = f"Kubeflow tries again for a long time, so terminate the run: {url}"
    return f"Kubernetes makes no pod for {step}: {reason}; {again}{own}"


class _Progress:
    """What a person was told of a run."""

    def __init__(
        self,
        server: Server,
        run_id: str,
        steps: Collection[str],
        say: Callable[[str], None],
        since: datetime.datetime | None,
    ) -> None:
        self._server, self._run_id, self._steps, self._say, self._since = server, run_id, steps, say, since
        self._states: dict[str, str] = {}
        self._held: dict[str, tuple[str, int]] = {}
        self._reasons: dict[str, str] = {}

    def show(self, run: kfp_server_api.V2beta1Run) -> None:
        """Says what has changed."""
        everything = list(run.run_details.task_details or []) if run.run_details else []
        # Without those that an earlier attempt left undone.
        tasks = [task for task in everything if task.state in DONE or not _is_before(task.end_time, self._since)]
        steps = {*self._steps} or named_steps(everything)
        pods = self._pods() if has_troubled(tasks) else {}
        for step, state in corrected(step_states(tasks, steps), pods, {*steps, ROOT}).items():
            if state in HELD and run.state in FAILED:
                # Nobody tries again: the graph itself, or a step whose pod was never made.
                self._states[step] = "FAILED"
                self._line(step, "FAILED", self._failure(step))
            elif state in HELD:
                self._show_held(step, state, pods.get(step))
            elif self._states.get(step) != state:
                self._states[step] = state
                self._held.pop(step, None)
                self._line(step, state, self._failure(step) if state in FAILED else "")

    def _show_held(self, step: str, state: str, pod: Pod | None) -> None:
        """Says that a step has no pod that runs: not at once, again with each new reason, and in the end what to do."""
        before, count = self._held.get(step, (state, 0))
        count = count + 1 if before == state else 1
        self._held[step] = state, count
        reason = pod.reason if pod else ""
        if count >= _SHOWN_AFTER and (self._states.get(step), self._reasons.get(step)) != (state, reason):
            self._states[step], self._reasons[step] = state, reason
            self._line(step, state, reason)
        if count == _HINT_AFTER and state == WAITING:
            selected = f"pod {pod.name} -n {pod.namespace}" if pod else f"pods -l pipeline/runid={self._run_id}"
            self._line(step, WAITING, f"kubectl describe {selected} says for what")
        if count == _HINT_AFTER and state == FORBIDDEN:
            raise RunFailedError(_forbidden(step, reason, self._server.run_url(self._run_id)))

    def _line(self, step: str, state: str, reason: str) -> None:
        self._say(f"{time.strftime('%H:%M:%S')}  {step:<20} {state.lower()}{f': {reason}' if reason else ''}")

    def _failure(self, step: str) -> str:
        """Why a step failed: by the last line of its log, or by what Argo says of its pod; "" where neither is had."""
        pod = self._pods().get(step)
        self._reasons[step] = redact(failure(pod, self._log(pod))) if pod else ""
        return self._reasons[step]

    def _log(self, pod: Pod) -> str:
        """The log of a pod: from the API server, or from the page where that is what answers; "" without one."""
        with contextlib.suppress(UserError):
            return self._server.log(self._run_id, pod)
        with contextlib.suppress(UserError):
            return Page(self._server).log(pod)
        return ""

    def _pods(self) -> Mapping[str, Pod]:
        """The pods, where the server tells them: it need not have the API's older version."""
        try:
            return self._server.pods(self._run_id)
        except UserError:
            return {}

    def outcome(self, run: kfp_server_api.V2beta1Run) -> Outcome:
        """How the run ended; one that somebody ended has no step to blame."""
        history = [entry for entry in run.state_history or [] if not _is_before(entry.update_time, self._since)]
        if any(entry.state == "CANCELING" for entry in history):
            return Outcome("CANCELED", (), "")
        failed = tuple(step for step, state in self._states.items() if state in FAILED)
        reason = " ".join(str(run.error.message).split()) if run.error and run.error.message else ""
        return Outcome(run.state, failed, reason or next((self._reasons[step] for step in failed), ""))
