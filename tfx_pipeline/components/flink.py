"""A Flink cluster as the place of Beam's steps: Beam's options for it, and what must be there before a run begins."""

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, Final

from apache_beam.options.pipeline_options import PipelineOptions

from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.process.errors import UserError

_PATIENCE_SECONDS: Final = 5


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
    if beam.runner == "embedded":
        if beam.flink:
            raise UserError(
                f"--flink {beam.flink}: counts with --beam-runner flink alone; add it, or leave --flink out"
            )
        return []
    if not beam.flink:
        raise UserError("--beam-runner flink: needs the REST API of its JobManager as well; add --flink HOST:PORT")
    workers = json.dumps({"url": beam.worker_pool}, separators=(",", ":"))
    return [
        "--runner=tfx_pipeline.components.flink_runner.FlinkRunner",
        f"--flink_rest_address={beam.flink}",
        f"--job_endpoint={beam.job_endpoint}",
        "--environment_type=EXTERNAL",
        f"--environment_config={workers}",
        *([f"--parallelism={beam.parallelism}"] if beam.parallelism else []),
    ]


def require_cluster(rest: str) -> int:
    """Refuses a cluster that is not there, or has nobody to work.

    Args:
        rest: ``HOST:PORT`` of the JobManager's REST API.

    Returns:
        The slots of all its TaskManagers.

    Raises:
        UserError: Nobody answers, something else than Flink does, or there is no slot.
    """
    slots = ask(rest, "/overview").get("slots-total")
    if not isinstance(slots, int):
        raise UserError(
            f"--flink {rest}: something else than Flink's REST API answers; give the JobManager's HOST:PORT"
        )
    if not slots:
        raise UserError(f"--flink {rest}: the cluster has no TaskManager with a slot; start one, then run again")
    return slots


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
        with urllib.request.urlopen(f"http://{rest}{path}", timeout=_PATIENCE_SECONDS) as answer:
            value = json.load(answer)
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
