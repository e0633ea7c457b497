"""A Flink cluster as the place of Beam's steps: Beam's options for it, and what must be there before a run begins."""

import json
import re
import socket
import string
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any, Final

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions
from apache_beam.version import __version__ as beam_version

from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.code_digest import CODE, workers_code_digest

_PATIENCE_SECONDS: Final = 5
_SHUFFLE: Final = "taskmanager.network.sort-shuffle"
_SORTED_AT_ONCE: Final = 16
"""Results that a slot sorts at once in the evaluator's job, at least. With buffers for so many it failed on one, two
and four slots, and on two with twice as many it held those of 20 (Flink 1.19, Beam's runner 2.62)."""


class FlinkPlace(PipelineOptions):
    """What Beam's own options have no word for."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--flink_rest_address", default=None, help="HOST:PORT of the JobManager's REST API")


def flink_options(beam: BeamConfig) -> list[str]:
    """Beam's options for the cluster of a configuration; none where Beam runs in the process.

    Raises:
        UserError: The cluster is named without the runner, or the runner without it.
    """
    if beam.beam_runner == "embedded":
        if beam.flink:
            raise UserError(
                f"--flink {beam.flink}: counts with --beam-runner flink alone; add it, or leave --flink out"
            )
        return []
    if not beam.flink:
        raise UserError("--beam-runner flink: needs the REST API of its JobManager as well; add --flink HOST:PORT")
    return [
        "--runner=tfx_pipeline.beam.flink_runner.FlinkRunner",
        f"--flink_rest_address={beam.flink}",
        f"--job_endpoint={beam.job_endpoint}",
        "--environment_type=EXTERNAL",
        f"--environment_config={beam.worker_pool}",
        *([f"--parallelism={beam.parallelism}"] if beam.parallelism else []),
    ]


def require_cluster(rest: str, worker_pool: str, parallelism: int) -> list[str]:
    """Refuses a cluster that cannot work for this run, where that can be known before.

    Args:
        rest: ``HOST:PORT`` of the JobManager's REST API.
        worker_pool: ``HOST:PORT`` where its TaskManagers look for workers.
        parallelism: What the user asked for; 0 for as much as there are slots.

    Returns:
        Beam's options that follow: the parallelism, and which code the workers must have.

    Raises:
        UserError: Nobody answers, something else than Flink does, Beam has no runner for its version, there are too few
            slots or network buffers, or no worker pool.
    """
    slots = _slots(rest)
    if parallelism > slots:
        raise UserError(
            f"--flink {rest}: the cluster has {slots} slots, fewer than beam.parallelism={parallelism}; start "
            "TaskManagers, or set a smaller one"
        )
    managers = ask(rest, "/taskmanagers").get("taskmanagers", [])
    _require_network_memory(rest, parallelism or slots, managers)
    _require_worker_pool(worker_pool, managers)
    workers = json.dumps({"url": worker_pool, "params": {CODE: workers_code_digest()}}, separators=(",", ":"))
    return [f"--parallelism={parallelism or slots}", f"--environment_config={workers}"]


def _slots(rest: str) -> int:
    """The slots of all TaskManagers of a cluster for which Beam has a runner; at least one."""
    overview = ask(rest, "/overview")
    slots, version = overview.get("slots-total"), str(overview.get("flink-version", ""))
    if not isinstance(slots, int):
        raise UserError(f"--flink {rest}: something else than Flink's REST API answers; give the JobManager's")
    known = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    if version.rpartition(".")[0] not in known:
        raise UserError(
            f"--flink {rest}: is Flink {version}, and Beam {beam_version} has runners for {', '.join(known)}; start a "
            "cluster of one of these"
        )
    if not slots:
        raise UserError(f"--flink {rest}: the cluster has no TaskManager with a slot; start one, then run again")
    return slots


def _require_network_memory(rest: str, parallelism: int, managers: Sequence[Any]) -> None:
    """Refuses TaskManagers that the evaluator's job surely outgrows, which Flink only says when the model is trained.

    Flink sorts what goes between two steps in ``sort-shuffle.min-buffers`` buffers, unless the parallelism is below
    ``sort-shuffle.min-parallelism``. The JobManager's configuration tells both, where it is the TaskManagers' as well.
    """
    try:
        known = {entry["key"]: entry["value"] for entry in request(rest, "/jobmanager/config")}
        sorts_from = int(known.get(f"{_SHUFFLE}.min-parallelism", 1))
        buffers = int(known.get(f"{_SHUFFLE}.min-buffers", 512))
        of_slot = _SORTED_AT_ONCE * buffers * _memory_size(known.get("taskmanager.memory.segment-size", "32kb"))
    except (OSError, ValueError, KeyError, TypeError):
        return  # it says other things than Flink 1.19 does
    if parallelism < sorts_from:
        return
    for manager in managers:
        memory = manager.get("memoryConfiguration", {}).get("networkMemory")
        needed = of_slot * min(manager.get("slotsNumber", 1), -(-parallelism // len(managers)))
        if memory is not None and memory <= needed:
            raise UserError(
                f"--flink {rest}: {manager['id']} has {memory >> 20} MB of network memory, and the evaluator's job "
                f"needs more than {needed >> 20} MB; set {_SHUFFLE}.min-parallelism: {parallelism + 1} in Flink's "
                "configuration, or a larger taskmanager.memory.network.max"
            )


def _memory_size(text: str) -> int:
    """The bytes of a size as Flink writes it, such as ``32kb``, ``1 m`` or ``4096``."""
    number, unit = text.rstrip(string.ascii_letters), text.lstrip(string.digits + " ").lower()
    return int(number) << 10 * "bkmg".index(unit[:1] or "b")


def _require_worker_pool(worker_pool: str, managers: Sequence[Any]) -> None:
    """Tries the pool's address where it means the same here as where the TaskManagers are, or is a name known here."""
    host, _, port = worker_pool.rpartition(":")
    if _is_loopback(host) and not _are_here(managers):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_SECONDS).close()
    except ConnectionRefusedError as error:
        raise UserError(
            f"beam.worker_pool={worker_pool}: nobody listens there; start Beam's workers: python -m "
            "tfx_pipeline.beam.worker_pool HOST:PORT"
        ) from error
    except OSError:
        return  # a name or a network of the cluster's own


def _are_here(managers: Sequence[Any]) -> bool:
    """Whether the TaskManagers are known by this machine's loopback address."""
    hosts = [re.search(r"@([^@]*):\d+/", str(manager.get("path"))) for manager in managers]
    return all(found is not None and _is_loopback(found[1]) for found in hosts)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.strip("[]") == "::1" or host.startswith("127.")


def request(rest: str, path: str, method: str = "GET") -> Any:
    """What a JobManager answers to a request, decoded.

    Raises:
        OSError: Nobody answers, or with an error of HTTP.
        ValueError: The answer is no JSON.
    """
    asked = urllib.request.Request(f"http://{rest}{path}", method=method)
    with urllib.request.urlopen(asked, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - http alone
        return json.load(answer)


def ask(rest: str, path: str) -> Mapping[str, Any]:
    """What a JobManager answers.

    Args:
        rest: ``HOST:PORT`` of its REST API.
        path: From ``/`` on.

    Returns:
        The decoded object; {} where the answer is none.

    Raises:
        UserError: Nobody answers.
    """
    try:
        value = request(rest, path)
    except urllib.error.HTTPError:
        return {}
    except OSError as error:
        reason = getattr(error, "reason", error)
        words = getattr(reason, "strerror", None) or reason
        raise UserError(
            f"--flink {rest}: no Flink cluster answers there ({words}); start it, or correct the address"
        ) from error
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
