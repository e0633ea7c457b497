"""The configuration of Apache Beam: whether the steps that use it run in the process or on a Flink cluster."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from tfx_pipeline.config.section import Section, setting

_HOST = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
_PORTS = range(1, 65_536)


def _place(default_port: int | None) -> AfterValidator:
    def check(value: str | None) -> str | None:
        if value is None:
            return None
        found = re.fullmatch(rf"(?P<host>{_HOST})(:(?P<port>[0-9]{{1,5}}))?", value)
        port = int(found["port"] or default_port or 0) if found else 0
        if not found or port not in _PORTS:
            raise ValueError("expected HOST:PORT, such as localhost:8081, without http:// and path")
        return f"{found['host']}:{port}"

    return AfterValidator(check)


class BeamConfig(Section):
    """Where the steps that use Apache Beam run."""

    beam_runner: Literal["embedded", "flink"] = setting(
        flag=True,
        default="embedded",
        description="embedded: Beam runs inside the process; flink: on the cluster of --flink",
    )
    flink: Annotated[str | None, _place(8081)] = setting(
        flag=True,
        default=None,
        description="HOST:PORT of a Flink JobManager's REST API, for --beam-runner flink; without PORT, 8081",
    )
    job_server: Annotated[str | None, _place(None)] = setting(
        default=None, description="HOST:PORT of Beam's job server for the cluster, if not port 8099 of --flink's host"
    )
    worker_pool: Annotated[str, _place(None)] = setting(
        default="localhost:50000",
        description="HOST:PORT where each TaskManager finds Beam's workers: the default is a sidecar's",
    )
    parallelism: int = setting(
        default=0, ge=0, le=10_000, description="parts that the cluster works on at once; 0: as many as it has slots"
    )

    @property
    def job_endpoint(self) -> str:
        """``HOST:PORT`` of the job server."""
        return self.job_server or f"{(self.flink or '').rpartition(':')[0]}:8099"
