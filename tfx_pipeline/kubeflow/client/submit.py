"""Sends a package to Kubeflow as the flags ask: uploads it, starts a run, follows it."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.cron import Schedule
from tfx_pipeline.kubeflow.client.schedules import set_schedule
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.watch import follow_to_the_end
from tfx_pipeline.kubeflow.package.exit_step import tasks_of


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        upload: Whether to upload the package, which a schedule needs.
        run: Whether to start a run.
        watch: Whether to follow it to its end.
        experiment: The experiment that the run belongs to.
        service_account: Of the run's pods; the server's default without one.
        arguments: Values of run parameters.
        schedule: When runs of the uploaded package are to start from now on.
    """

    upload: bool
    run: bool
    watch: bool
    experiment: str
    service_account: str | None
    arguments: dict[str, Any]
    schedule: Schedule | None = None


def submit(
    package: Path, spec: dict[str, Any], connection: Connection, request: Request, say: Callable[[str], None]
) -> None:
    """Does what is asked for.

    Args:
        package: The package's file.
        spec: Its first document.
        connection: How the server is reached.
        request: What is asked for.
        say: Receives a line for each thing done.

    Raises:
        UserError: The server cannot be reached, or refuses.
        RunFailedError: The run that was followed failed.
    """
    name = spec["pipelineInfo"]["name"]
    server = Server(connection)
    version = server.upload(package, name) if request.upload else None
    if version:
        say(f"uploaded {version.name} of the pipeline {name}")
    common: dict[str, Any] = {
        "experiment": request.experiment,
        "arguments": request.arguments,
        "service_account": request.service_account,
    }
    if version and request.schedule:
        say(set_schedule(server, name, request.schedule, version, **common))
    if not request.run:
        return
    run_id = server.start(package, version, name=f"{name} {time.strftime('%Y-%m-%d %H-%M-%S')}", **common)
    say(f"started {server.run_url(run_id)}")
    if request.watch:
        follow_to_the_end(server, run_id, list(tasks_of(spec)), say)
