"""What ``kubeflow_runner.py`` does instead of writing a package: one action at a time, and which flags go with each."""

import os
import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from tfx_pipeline.config.flags import settings
from tfx_pipeline.config.sections import Config
from tfx_pipeline.kubeflow.client.cookies import read_cookies
from tfx_pipeline.kubeflow.manifests.flink import flink_manifest
from tfx_pipeline.kubeflow.manifests.kserve import kserve_manifest
from tfx_pipeline.kubeflow.manifests.tensorboard import tensorboard_manifest
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import require_visible
from tfx_pipeline.process.redaction import hide

if TYPE_CHECKING:
    from tfx_pipeline.kubeflow.client.connection import Connection
    from tfx_pipeline.kubeflow.client.server import Server

Flags: TypeAlias = Mapping[str, Any]
"""The flags of ``kubeflow_runner.py`` by name."""

_EVERYWHERE: Final = frozenset({"config", "set", "host", "namespace", "token", "cookies"})
"""What may be given with any action: how the server is reached, and the configuration, which need not be read."""


class Action(NamedTuple):
    """What one flag asks for.

    Attributes:
        do: Does it.
        takes: Other flags that count with it.
        takes_settings: Whether the flags of the configuration count with it.
    """

    do: Callable[[Flags, Config], None]
    takes: frozenset[str] = frozenset()
    takes_settings: bool = False


def chosen_action(flags: Flags, given: Collection[str]) -> Action | None:
    """Finds the action that the flags ask for.

    Raises:
        UserError: There are two, a flag means nothing with the action, or its value is empty.
    """
    name = next((name for name in ACTIONS if name in given), None)
    if name is None:
        return None
    action = ACTIONS[name]
    known = _EVERYWHERE | action.takes | {name}
    for other in given:
        if other not in known and not (action.takes_settings and "." in other):
            raise UserError(f"{_flag(name)} and {_flag(other)} cannot be given together; see --help")
    if not flags[name]:
        raise UserError(f"{_flag(name)}: got '', expected a value; see --help")
    return action


def _flag(name: str) -> str:
    """How a flag is typed."""
    written = {setting.key: setting.flag for setting in settings()}
    return written.get(name, f"--{name.replace('_', '-')}")


def connection(flags: Flags) -> "Connection":
    """How the server is reached, by the flags and the environment.

    Raises:
        UserError: The cookies cannot be read.
    """
    from tfx_pipeline.kubeflow.client.connection import CA_VARIABLE, Connection, address  # noqa: PLC0415 - kfp's client takes a second

    token = flags["token"] or os.environ.get("KFP_TOKEN", "")
    hide(token)
    cookies = read_cookies(flags["cookies"], address(flags["host"]))
    return Connection(flags["host"], flags["namespace"], token, os.environ.get(CA_VARIABLE, ""), cookies)


def _server(flags: Flags) -> "Server":
    from tfx_pipeline.kubeflow.client.server import Server  # noqa: PLC0415 - kfp's client takes a second

    return Server(connection(flags))


def say(text: str) -> None:
    """Tells a person what was done."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _retry_run(flags: Flags, _: Config) -> None:
    from tfx_pipeline.kubeflow.client.retry import retry_run  # noqa: PLC0415 - kfp's client takes a second

    retry_run(_server(flags), flags["retry_run"], say, follow=flags["watch"])


def _fetch(flags: Flags, config: Config) -> None:
    from tfx_pipeline.kubeflow.client.fetch import OUTPUT_FLAG, fetch  # noqa: PLC0415 - kfp's client takes a second

    require_visible(config.run.output_dir.absolute(), OUTPUT_FLAG)
    fetch(_server(flags), flags["fetch"], config.run.output_dir, say)


def _list_schedules(flags: Flags, _: Config) -> None:
    from tfx_pipeline.kubeflow.client.schedules import schedule_lines  # noqa: PLC0415 - kfp's client takes a second

    for line in schedule_lines(_server(flags)):
        say(line)


def _end_schedule(flags: Flags, _: Config) -> None:
    from tfx_pipeline.kubeflow.client.schedules import end_schedule  # noqa: PLC0415 - kfp's client takes a second

    end_schedule(_server(flags), flags["unschedule"], say)


def _print_tensorboard_manifest(flags: Flags, config: Config) -> None:
    say(tensorboard_manifest(flags["tensorboard_manifest"], config.kubeflow, flags["namespace"]).rstrip())


def _print_flink_manifest(flags: Flags, config: Config) -> None:
    say(flink_manifest(flags["flink_manifest"], config.kubeflow, flags["namespace"]).rstrip())


def _print_kserve_manifest(flags: Flags, config: Config) -> None:
    say(kserve_manifest(config.kubeflow, flags["namespace"]).rstrip())


ACTIONS: Final = {
    "fetch": Action(_fetch),
    "flink_manifest": Action(_print_flink_manifest, takes_settings=True),
    "kserve_manifest": Action(_print_kserve_manifest, takes_settings=True),
    "retry_run": Action(_retry_run, takes=frozenset({"watch"})),
    "schedules": Action(_list_schedules),
    "unschedule": Action(_end_schedule),
    "tensorboard_manifest": Action(_print_tensorboard_manifest, takes_settings=True),
}
"""The actions by the names of their flags; a new one is a line here, and its flag in ``kubeflow_runner.py``."""
