"""The record of a run on Kubeflow, as far as it can be known from here."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, Final

import kfp_server_api

from tfx_pipeline.config.flags import settings
from tfx_pipeline.config.renamed import current_parameters
from tfx_pipeline.kubeflow.client.cluster_run import ClusterRun
from tfx_pipeline.kubeflow.client.step_states import Task, step_states
from tfx_pipeline.kubeflow.run_metadata import Output
from tfx_pipeline.record.examples import data_of
from tfx_pipeline.record.run_record import ComponentRun, KubeflowRun, RunRecord, State, Tuning, data_gate_of, metrics_of

_STATES: Final[Mapping[str, State]] = {
    "SUCCEEDED": "succeeded",
    "CACHED": "cached",
    "NOT RUN": "not run",
    "SKIPPED": "not run",
}


def components(found: ClusterRun) -> tuple[ComponentRun, ...]:
    """State and seconds of each step; those that began come first, in their order."""
    tasks = list(found.run.run_details.task_details or []) if found.run.run_details else []
    states = step_states(tasks, found.steps)
    order = [*states, *(step for step in found.steps if step not in states)]
    return tuple(_component(step, states.get(step, "NOT RUN"), tasks) for step in order)


def _component(step: str, state: str, tasks: Iterable[Task]) -> ComponentRun:
    outcome = _STATES.get(state, "failed")
    times = [task.end_time - task.start_time for task in tasks if task.display_name == step and _ended(task)]
    ran = outcome in ("succeeded", "failed")
    return ComponentRun(step, outcome, sum(t.total_seconds() for t in times) if ran else 0.0)


def _ended(task: Task) -> bool:
    # A task that was never started has the time zero of Go.
    return bool(task.start_time and task.end_time and task.start_time.year > 1)


def record_of(found: ClusterRun, digest: Mapping[str, Any] | None, gate: Mapping[str, Any] | None) -> RunRecord:
    """Describes a run that has ended.

    Args:
        found: The run.
        digest: What its report says of the evaluation; None without one.
        gate: The data gate's report; None without one.
    """
    run, evaluation, examples = found.run, digest or {}, found.output("examples")
    return RunRecord(
        run_id=found.id,
        status="succeeded" if found.outcome.succeeded else "failed",
        error=None if found.outcome.succeeded else f"the run {found.outcome}",
        wall_seconds=_seconds(run.created_at, run.finished_at),
        components=components(found),
        metrics=_metrics(digest) if digest else None,
        blessed=evaluation.get("blessed"),
        refusals=tuple(evaluation.get("reasons", [])),
        baseline=evaluation.get("baseline"),
        pushed=_property(found.output("pushed_model"), "pushed_destination"),
        data=data_of(examples.properties) if examples else None,
        data_gate=data_gate_of(gate) if gate else None,
        tuning=Tuning(**evaluation["tuning"]) if evaluation.get("tuning") else None,
        config=_config(found.parameters),
        versions=dict(evaluation.get("versions", {})),
        git_commit=_property(found.output("source"), "commit"),
        kubeflow=KubeflowRun(run.run_id, run.display_name, found.page, finished(run), dict(found.parameters)),
    )


def finished(run: kfp_server_api.V2beta1Run) -> str | None:
    """When a run ended, as text; another one once it was retried."""
    return run.finished_at.isoformat() if run.finished_at else None


def _seconds(begin: datetime.datetime | None, end: datetime.datetime | None) -> float | None:
    return (end - begin).total_seconds() if begin and end else None


def _metrics(digest: Mapping[str, Any]) -> dict[str, Any]:
    overall = {name: value for name, value in digest["overall"].items() if name != "calibration_error"}
    examples = overall.pop("examples")
    return metrics_of(overall, examples, {c["name"]: c["recall"] for c in digest["classes"] if c["examples"]})


def _property(output: Output | None, name: str) -> Any:
    return (output.properties.get(name) or None) if output else None


def _config(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The run parameters where a run on this machine has them."""
    config: dict[str, Any] = {}
    parameters = current_parameters(parameters)
    for setting in settings():
        if setting.name in parameters and setting.path[0] != "kubeflow":
            section = config
            for key in setting.path[:-1]:
                section = section.setdefault(key, {})
            section[setting.name] = parameters[setting.name]
    return config
