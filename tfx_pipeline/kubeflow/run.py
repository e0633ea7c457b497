"""What ``kubeflow_runner.py`` does with its flags: writes the package and, where asked for, runs it on Kubeflow."""

import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx_pipeline.config.flags import load
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.config.sections import Config
from tfx_pipeline.kubeflow.actions import chosen_action, connection, say
from tfx_pipeline.kubeflow.client.arguments import parse_arguments
from tfx_pipeline.kubeflow.client.cron import Schedule, parse_schedule
from tfx_pipeline.kubeflow.package.images import image_warnings
from tfx_pipeline.kubeflow.step_settings import check_serving_place, root_warnings, serving_uri
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded, require_visible
from tfx_pipeline.process.log import captured_output

if TYPE_CHECKING:
    from tfx_pipeline.kubeflow.client.connection import Connection


def run(flags: dict[str, Any], given: Collection[str]) -> None:
    """Writes the package and submits it, or does what needs no package, as the flags ask.

    Raises:
        UserError: A flag is wrong, the backend would reject the package, or the server refuses.
        RunFailedError: The run that was followed failed.
    """
    action = chosen_action(flags, given)
    config = load(flags)
    if action:
        action.do(flags, config)
        return
    schedule = _schedule(flags)
    submits = schedule or flags["upload"] or flags["run"] or flags["watch"]
    server = connection(flags) if submits else None
    output = expanded(flags["output"])
    require_visible(output, "--output")
    spec = _write_quietly(config, Path(output))
    say(f"wrote {flags['output']}")
    if server:
        _submit(flags, config.kubeflow, spec, server, schedule)
        return
    for line in notes(config.kubeflow):
        say(line)
    say('upload it on Kubeflow\'s page: Pipelines, "Upload pipeline", "Upload a file"; or run this with --watch')


def _schedule(flags: dict[str, Any]) -> Schedule | None:
    """Reads the schedule that is asked for."""
    if flags["schedule"] is not None:
        return parse_schedule(flags["schedule"], flags["max_concurrency"], catch_up=flags["catch_up"])
    if flags["catch_up"] or flags["max_concurrency"] is not None:
        raise UserError("--max-concurrency and --catch-up are for a schedule: give --schedule too; see --help")
    return None


def _write_quietly(config: Config, path: Path) -> dict[str, Any]:
    """Writes the package and returns its spec; what the libraries say is shown only with an unforeseen error."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        try:
            with captured_output(log):
                # TensorFlow talks when it is imported, and takes seconds.
                from tfx_pipeline.kubeflow.package.compile import write_package  # noqa: PLC0415

                return write_package(config, path).spec
        except UserError:
            raise
        except Exception:
            sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))
            raise


def notes(config: KubeflowConfig) -> list[str]:
    """Lists, line by line, what a person must know before the first run and the package cannot tell Kubeflow."""
    lines = [f"image {config.image}: the cluster's nodes must have it, or be able to fetch it"]
    lines += [f"  {warning}" for warning in (*image_warnings(config), *root_warnings(config))]
    lines.append(f"models go to {serving_uri(config)}")
    if config.service_account:
        lines.append(f"service account {config.service_account}: choose it with each run; a package cannot hold it")
    return lines


def _submit(
    flags: dict[str, Any], config: KubeflowConfig, spec: dict[str, Any], server: "Connection", schedule: Schedule | None
) -> None:
    from tfx_pipeline.kubeflow.client.submit import Request, submit  # noqa: PLC0415 - kfp's client takes a second

    for warning in (*image_warnings(config), *root_warnings(config)):
        sys.stderr.write(f"warning: {warning}\n")
    arguments = parse_arguments(flags["param"], spec["root"]["inputDefinitions"]["parameters"])
    if place := arguments.get("serving_dir"):
        check_serving_place(config, place)
    request = Request(
        upload=flags["upload"] or schedule is not None,
        run=flags["run"] or flags["watch"],
        watch=flags["watch"],
        experiment=flags["experiment"],
        service_account=config.service_account,
        arguments=arguments,
        schedule=schedule,
    )
    submit(Path(flags["output"]), spec, server, request, say)
