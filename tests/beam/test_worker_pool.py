"""The pool of Beam's workers, where one of them dies."""

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from tfx_pipeline.beam.worker_pool import answer_for


class Control(beam_fn_api_pb2_grpc.BeamFnControlServicer):
    """A TaskManager's side: asks the worker that comes once and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def Control(self, answers: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 - Beam's name
        """Gives one instruction."""
        yield beam_fn_api_pb2.InstructionRequest(instruction_id="1")
        worker = dict(context.invocation_metadata())["worker_id"]
        self.told.append((worker, next(answers).error))


def test_a_task_manager_that_waits_for_a_worker_that_died_is_told() -> None:
    server, control = grpc.server(futures.ThreadPoolExecutor()), Control()
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(control, server)
    place = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    answer_for(place, "1-1", "a worker ended with -9")
    assert control.told == [("1-1", "a worker ended with -9")]
    server.stop(None)
    answer_for(place, "1-1", "nobody listens")
