"""Beam's Python workers for the TaskManagers beside them: ``python -m tfx_pipeline.beam.worker_pool HOST:PORT``.

It stands in for ``apache_beam.runners.worker.worker_pool_main``, which listens on every address of the machine and ends
workers by ids that two TaskManagers, or two jobs of one, both give to a worker of theirs: one ended the other's.
"""

import contextlib
import logging
import multiprocessing
import queue
import signal
import sys
import threading
from concurrent import futures
from typing import Any, Final

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.code_digest import CODE, workers_code_digest

_LIBRARIES: Final = [
    "apache_beam.runners.worker.sdk_worker",
    "tensorflow",
    "tensorflow_data_validation",
    "tensorflow_transform.beam",
    "tensorflow_model_analysis",
    "tfx.components",
]
"""Loaded once, for all workers: each takes a tenth of a second then, not ten. The project's own code is loaded anew."""

_GRACE_SECONDS: Final = 1

logger = logging.getLogger(__name__)


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts workers, each a process of its own, when a TaskManager asks for one."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_LIBRARIES)

    def StartWorker(self, request: Any, _context: Any) -> Any:  # noqa: N802 - Beam's name
        """Starts a worker for a ``StartWorkerRequest``, whose TaskManager it then asks for work.

        Refuses, in the answer's words, one for a run of other code than the worker would load.
        """
        wanted, own = request.params.get(CODE, ""), workers_code_digest()
        if wanted not in ("", own):
            return beam_fn_api_pb2.StartWorkerResponse(
                error=f"the workers have other code than the run: modules/ and tfx_pipeline/ are {own[:12]} where the "
                f"workers are and {wanted[:12]} in the run; start the workers from the run's checkout or image"
            )
        arguments = (request.control_endpoint.url, request.worker_id)
        worker = self._context.Process(target=work, args=arguments, daemon=True)
        worker.start()
        threading.Thread(target=_watch, args=(worker, *arguments), daemon=True).start()
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - Beam's name
        """Does nothing: a worker ends when its TaskManager hangs up, and its id may be another's as well."""
        return beam_fn_api_pb2.StopWorkerResponse()


def work(control_endpoint: str, worker_id: str) -> None:
    """Works for a TaskManager until it hangs up.

    Args:
        control_endpoint: ``HOST:PORT`` at which it gives work.
        worker_id: What it calls the worker.
    """
    from apache_beam.runners.worker.sdk_worker import SdkHarness  # noqa: PLC0415 - in the worker alone

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    SdkHarness(control_endpoint, worker_id=worker_id, data_buffer_time_limit_ms=-1).run()


def _watch(worker: Any, control_endpoint: str, worker_id: str) -> None:
    worker.join()
    if worker.exitcode:
        answer_for(control_endpoint, worker_id, f"a worker ended with {worker.exitcode} before it could work")


def answer_for(control_endpoint: str, worker_id: str, reason: str) -> None:
    """Fails the work of a worker that died, in its place.

    A TaskManager waits for ever for one that never came for work, and three minutes for one that came for work alone.

    Args:
        control_endpoint: ``HOST:PORT`` at which the TaskManager gives work; where it has hung up, nothing happens.
        worker_id: What it calls the worker.
        reason: Its error.
    """
    from apache_beam.runners.worker.data_plane import GrpcClientDataChannelFactory  # noqa: PLC0415 - seldom

    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    data = GrpcClientDataChannelFactory(worker_id=worker_id)
    with grpc.insecure_channel(control_endpoint) as channel, contextlib.suppress(grpc.RpcError):
        stub = beam_fn_api_pb2_grpc.BeamFnControlStub(grpc.intercept_channel(channel, WorkerIdInterceptor(worker_id)))
        for asked in stub.Control(iter(answers.get, None)):
            answers.put(beam_fn_api_pb2.InstructionResponse(instruction_id=asked.instruction_id, error=reason))
            for port in _data_ports(stub, asked):
                data.create_data_channel(port)
    data.close()
    answers.put(None)


def _data_ports(stub: Any, asked: Any) -> list[Any]:
    """Where the data of a bundle is to be fetched and brought."""
    from apache_beam.runners.worker.bundle_processor import DATA_INPUT_URN, DATA_OUTPUT_URN  # noqa: PLC0415 - seldom

    if asked.WhichOneof("request") != "process_bundle":
        return []
    ends, bundle = (DATA_INPUT_URN, DATA_OUTPUT_URN), asked.process_bundle.process_bundle_descriptor_id
    request = beam_fn_api_pb2.GetProcessBundleDescriptorRequest(process_bundle_descriptor_id=bundle)
    specs = [transform.spec for transform in stub.GetProcessBundleDescriptor(request).transforms.values()]
    return [beam_fn_api_pb2.RemoteGrpcPort.FromString(spec.payload) for spec in specs if spec.urn in ends]


def serve(place: str) -> None:
    """Serves workers until SIGTERM or SIGINT.

    Args:
        place: ``HOST:PORT`` to listen at.

    Raises:
        UserError: It cannot listen there.
    """
    server = grpc.server(futures.ThreadPoolExecutor())
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(WorkerPool(), server)
    try:
        server.add_insecure_port(place)
    except RuntimeError as error:
        raise UserError(f"{place}: cannot listen there; expected a free HOST:PORT of this machine") from error
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    logger.info("workers are to be had at %s", place)
    ended.wait()
    server.stop(_GRACE_SECONDS).wait()


def main() -> int:
    """Reads the place from the command line."""
    logging.basicConfig(level=logging.INFO)
    try:
        serve(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50000")
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
