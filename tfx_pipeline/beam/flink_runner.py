"""Beam's runner for a job server of Apache Flink, which leaves no job behind on the cluster."""

import logging
import time
import uuid
from typing import Any, Final

import grpc
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineResult, PipelineState
from apache_beam.transforms.environments import ExternalEnvironment

from tfx_pipeline.beam.flink import FlinkPlace, request
from tfx_pipeline.beam.flink_failure import failure_of

_ENDED: Final = ("FINISHED", "FAILED", "CANCELED")
_PATIENCE_SECONDS: Final = 60
"""How long a job that is to be cancelled may take to come, and to end: the job server first brings 150 MB of jars, and
goes on with that whatever it is told."""

logger = logging.getLogger(__name__)


class FlinkRunner(PortableRunner):
    """Beam's PortableRunner, with jobs that end where waiting for them does."""

    def run_portable_pipeline(self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions) -> PipelineResult:
        """Submits a pipeline under a name that no other job has."""
        named = options.view_as(GoogleCloudOptions)
        named.job_name = f"{named.job_name or 'tfx'}-{uuid.uuid4().hex}"
        submitted = super().run_portable_pipeline(pipeline, options)
        workers = ExternalEnvironment.from_options(options.view_as(PortableOptions)).url
        return _Job(submitted, options.view_as(FlinkPlace).flink_rest_address, named.job_name, workers)


class _Job(PipelineResult):
    def __init__(self, submitted: PipelineResult, rest: str, name: str, workers: str) -> None:
        super().__init__(submitted.state)
        self._submitted = submitted
        self._rest = rest
        self._name = name
        self._workers = workers

    @property
    def state(self) -> Any:
        return self._submitted.state

    def metrics(self) -> Any:
        return self._submitted.metrics()

    def wait_until_finish(self, duration: float | None = None) -> Any:
        try:
            return self._submitted.wait_until_finish(duration)
        except RuntimeError as error:  # the job failed, maybe before it came to the cluster
            if not PipelineState.is_terminal(self.state):
                self._end(may_come=False)
            raise failure_of(self._rest, self._name, str(error), self._workers) from error
        except Exception:  # the job server is gone
            self._end(may_come=False)
            raise
        except BaseException:  # an interrupt
            self.cancel()
            raise

    def cancel(self) -> None:
        """Cancels the job on the cluster, too: the job server of Beam's runner only stops waiting for it."""
        self._end(may_come=True)

    def _end(self, *, may_come: bool) -> None:
        try:
            self._submitted.cancel()
        except grpc.RpcError:
            logger.warning("the job server does not cancel %s", self._name, exc_info=True)
        try:
            _cancel(self._rest, self._name, may_come=may_come)
        except (OSError, ValueError):
            logger.exception("%s may go on at %s", self._name, self._rest)


def _cancel(rest: str, name: str, *, may_come: bool) -> None:
    """Has Flink cancel a job, and waits for its end.

    Args:
        rest: ``HOST:PORT`` of the JobManager's REST API.
        name: The job's name.
        may_come: Whether it is waited for where it is not there.

    Raises:
        OSError: It does not answer, or the job has not come or not ended after ``_PATIENCE_SECONDS``.
        ValueError: What answers is no JobManager.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        states = {job["jid"]: job["state"] for job in request(rest, "/jobs/overview")["jobs"] if job["name"] == name}
        running = [job for job, state in states.items() if state not in _ENDED]
        if not running and (states or not may_come):
            return
        for job in running:
            request(rest, f"/jobs/{job}?mode=cancel", "PATCH")
        time.sleep(0.2)
    raise TimeoutError(f"{name}: has not come, or not ended")
