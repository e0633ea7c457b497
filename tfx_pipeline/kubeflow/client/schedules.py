"""Schedules: Kubeflow's recurring runs, made, replaced, listed and ended."""

import datetime
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import kfp_server_api

from tfx_pipeline.config.section import nearest
from tfx_pipeline.kubeflow.client.cron import Schedule, parse_cron
from tfx_pipeline.kubeflow.client.server import Server, Version, equals
from tfx_pipeline.process.errors import UserError

_ORPHAN: Final = "ORPHAN"
"""Kubernetes deletes what a deleted object owns, such as the runs that are under way, unless told this."""
_PROFILE: Final = "where Kubeflow has several users, give your profile with --namespace"
_PAGE: Final = 100
_SHOWN: Final = 3
_CLOCK: Final = "by the cluster's clock, which is UTC unless its administrator chose another"

RecurringRun: TypeAlias = kfp_server_api.V2beta1RecurringRun


def set_schedule(
    server: Server,
    name: str,
    schedule: Schedule,
    version: Version,
    *,
    experiment: str,
    arguments: Mapping[str, Any],
    service_account: str | None,
) -> str:
    """Makes a schedule in place of those of the same name.

    The new one begins to count when it exists and the old ones are told to rest; where that fails, they count again.

    Args:
        server: Kubeflow's API server.
        name: Its name.
        schedule: When runs start.
        version: What they run.
        experiment: The experiment that they belong to; made where there is none of that name.
        arguments: Values of run parameters.
        service_account: Of the pods; the server's default without one.

    Returns:
        What a person is told.

    Raises:
        UserError: The server cannot be reached, or refuses.
    """
    old = _named(server, name)
    with server.request("make the schedule"):
        group = server.client.create_experiment(experiment, namespace=server.namespace)
        new = server.client.create_recurring_run(
            group.experiment_id,
            name,
            cron_expression=schedule.cron.expression,
            max_concurrency=schedule.max_concurrency,
            no_catchup=not schedule.catch_up,
            params=dict(arguments),
            pipeline_id=version.pipeline_id,
            version_id=version.version_id,
            enabled=not old,
            # Anything else than None would also set it for the steps that must not be cached.
            enable_caching=None,
            service_account=service_account,
        )
    if old:
        _hand_over(server, old, new)
    times = ", ".join(map(_text, itertools.islice(schedule.cron.times(_now()), _SHOWN)))
    done = "replaced the schedule" if old else "scheduled"
    return f"{done} {name} at '{schedule.cron.expression}': {times}, ... {_CLOCK}"


def end_schedule(server: Server, name: str, say: Callable[[str], None]) -> None:
    """Ends the schedules of a name; runs that are under way go on.

    Raises:
        UserError: There is none, or the server cannot be reached or refuses.
    """
    named = _named(server, name)
    if not named:
        names = sorted({_name(run) for run in _recurring_runs(server)})
        advice = nearest(name, names) if names else "; there are none"
        raise UserError(f"--unschedule {name}: no schedule has this name{advice}")
    for run in named:
        _delete(server, run)
        say(f"ended the schedule {name}, at '{_trigger(run)}'")


def schedule_lines(server: Server) -> list[str]:
    """Lists the schedules in a table: name, cron, state, last and next run.

    Raises:
        UserError: The server cannot be reached, or refuses.
    """
    rows = [
        [_name(run), _trigger(run), str(run.status or "").lower(), _last_run(server, run), _next_run(run)]
        for run in _recurring_runs(server)
    ]
    if not rows:
        return ["no schedules"]
    rows.insert(0, ["name", "schedule", "state", "last run", "next run"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows] + [f"next runs are {_CLOCK}"]


def _hand_over(server: Server, old: Iterable[RecurringRun], new: RecurringRun) -> None:
    """Lets a new schedule, which does not count yet, take the place of others."""
    counted = [run for run in old if run.status == "ENABLED"]
    try:
        for run in counted:
            _switch(server, run, on=False)
        _switch(server, new, on=True)
    except BaseException:
        _take_back(server, counted, new)
        raise
    try:
        for run in old:
            _delete(server, run)
    except UserError as error:
        raise UserError(f"{error}; it rests, the new one counts already; the next --schedule deletes it") from error


def _take_back(server: Server, counted: Iterable[RecurringRun], new: RecurringRun) -> None:
    try:
        _delete(server, new)
        for run in counted:
            _switch(server, run, on=True)
    except UserError as error:
        advice = "no schedule of this name may be left that starts runs: see --schedules, and give --schedule again"
        raise UserError(f"{error}; {advice}") from error


def _switch(server: Server, run: RecurringRun, *, on: bool) -> None:
    with server.request(f"{'enable' if on else 'disable'} the schedule {run.display_name}"):
        switch = server.client.enable_recurring_run if on else server.client.disable_recurring_run
        switch(run.recurring_run_id)


def _delete(server: Server, run: RecurringRun) -> None:
    with server.request(f"delete the schedule {run.display_name}"):
        delete = server.client._recurring_run_api.recurring_run_service_delete_recurring_run  # noqa: SLF001 - the policy
        delete(run.recurring_run_id, propagation_policy=_ORPHAN)


def _named(server: Server, name: str) -> list[RecurringRun]:
    return list(_recurring_runs(server, filter=equals("display_name", name)))


def _recurring_runs(server: Server, **options: str) -> Iterator[RecurringRun]:
    token = ""
    namespace = server.namespace or server.client.get_user_namespace() or None
    while True:
        with server.request("list the schedules", {400: _PROFILE}):
            answer = server.client.list_recurring_runs(token, _PAGE, namespace=namespace, **options)
        yield from answer.recurring_runs or []
        token = answer.next_page_token or ""
        if not token:
            return


def _last_run(server: Server, run: RecurringRun) -> str:
    """When the last run of a schedule was made and how it stands, which only the list of runs has."""
    options = {"experiment_id": run.experiment_id, "sort_by": "created_at desc", "page_size": 1}
    with server.request("list the runs of a schedule"):
        runs = server.client.list_runs(filter=equals("recurring_run_id", run.recurring_run_id), **options).runs
    return f"{_text(runs[0].created_at)} {str(runs[0].state or '').lower()}" if runs else "none yet"


def _next_run(run: RecurringRun) -> str:
    trigger = run.trigger and run.trigger.cron_schedule
    if run.status != "ENABLED" or not trigger:
        return "-"
    # The API takes five fields for second to month.
    words = trigger.cron.split()
    try:
        cron = parse_cron(" ".join([*words, "*"] if len(words) == 5 else words))  # noqa: PLR2004
    except UserError:
        return "-"
    return _text(next(cron.times(_now())))


def _name(run: RecurringRun) -> str:
    """Its name; its id, where the server cannot read what it keeps of it and says no more."""
    return str(run.display_name or run.recurring_run_id)


def _trigger(run: RecurringRun) -> str:
    trigger = run.trigger or kfp_server_api.V2beta1Trigger()
    if trigger.cron_schedule:
        return str(trigger.cron_schedule.cron)
    return f"every {trigger.periodic_schedule.interval_second} s" if trigger.periodic_schedule else "-"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _text(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
