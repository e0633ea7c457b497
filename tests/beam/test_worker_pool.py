"""The pool of Beam's workers, where one of them dies."""

import queue
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker import bundle_processor

from tfx_pipeline.beam.worker_pool import answer_for


class TaskManager(beam_fn_api_pb2_grpc.BeamFnControlServicer, beam_fn_api_pb2_grpc.BeamFnDataServicer):
    """Asks the worker that comes for one bundle, waits until it comes for the data, and keeps what it is told."""

    def __init__(self) -> None:
        self.place = ""
        self.told: list[tuple[str, str]] = []
        self.came_for_data: queue.SimpleQueue[str] = queue.SimpleQueue()

    def Control(self, answers: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 - Beam's name
        """Gives one instruction."""
        bundle = beam_fn_api_pb2.ProcessBundleRequest(process_bundle_descriptor_id="7")
        yield beam_fn_api_pb2.InstructionRequest(instruction_id="1", process_bundle=bundle)
        self.told.append((worker_of(context), next(answers).error))
        self.told.append((self.came_for_data.get(timeout=10), "come for data"))

    def GetProcessBundleDescriptor(self, request: Any, _context: Any) -> Any:  # noqa: N802 - Beam's name
        """Describes a bundle whose data is here."""
        assert request.process_bundle_descriptor_id == "7"
        port = beam_fn_api_pb2.RemoteGrpcPort(api_service_descriptor={"url": self.place})
        source = {"spec": {"urn": bundle_processor.DATA_INPUT_URN, "payload": port.SerializeToString()}}
        return beam_fn_api_pb2.ProcessBundleDescriptor(id="7", transforms={"read": source, "do": {}})

    def Data(self, elements: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 - Beam's name
        """Gives no data."""
        self.came_for_data.put(worker_of(context))
        yield from ()
        list(elements)


def worker_of(context: Any) -> str:
    return str(dict(context.invocation_metadata())["worker_id"])


def test_a_task_manager_that_waits_for_a_worker_that_died_is_told() -> None:
    server, manager = grpc.server(futures.ThreadPoolExecutor()), TaskManager()
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(manager, server)
    beam_fn_api_pb2_grpc.add_BeamFnDataServicer_to_server(manager, server)
    place = manager.place = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    answer_for(place, "1-1", "a worker ended with -9")
    assert manager.told == [("1-1", "a worker ended with -9"), ("1-1", "come for data")]
    server.stop(None)
    answer_for(place, "1-1", "nobody listens")
