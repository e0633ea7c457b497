"""A Flink cluster as the place of Beam's steps: its options, what is refused before a run, and why a job failed."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2
from tfx.utils import dependency_utils

from tests.kubeflow.api_server import api_server
from tfx_pipeline.beam.flink import require_cluster
from tfx_pipeline.beam.flink_failure import cause_of, failure_of
from tfx_pipeline.beam.flink_runner import FlinkRunner
from tfx_pipeline.beam.options import beam_options, require_runner
from tfx_pipeline.beam.worker_pool import WorkerPool
from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.code_digest import CODE, workers_code_digest
from tools.ports import held_ports

OVERVIEW = {"taskmanagers": 2, "slots-total": 2, "slots-available": 2, "flink-version": "1.19.0"}
MANAGERS = {"taskmanagers": [{"id": "1", "path": "pekko.tcp://flink@127.0.0.1:39391/user/rpc/taskmanager_0"}]}
ELSEWHERE = {"taskmanagers": [{"id": "1", "path": "pekko.tcp://flink@10.0.0.7:39391/user/rpc/taskmanager_0"}]}

BUFFERS = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(Handler.java:176)
Caused by: java.io.IOException: Insufficient number of network buffers: required 512, but only 488 available.
\tat org.apache.flink.runtime.io.network.buffer.NetworkBufferPool.tryRedistributeBuffers(NetworkBufferPool.java:496)
"""
PYTHON = """java.lang.Exception: The user defined 'open()' method caused an exception: java.util.concurrent.Execu
\tat org.apache.flink.runtime.operators.BatchTask.run(BatchTask.java:520)
Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 4: Traceback (most recent):
  File "apache_beam/runners/common.py", line 1498, in process
    raise ValueError("no such image")
ValueError: no such image [while running 'Read/Decode']

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient$Observer.onNext(FnApiControlClient.java:180)
"""
CODE_DIFFERS = """java.lang.Exception: The user defined 'open()' method caused an exception: java.lang.RuntimeException
\tat org.apache.flink.runtime.operators.BatchTask.run(BatchTask.java:520)
Caused by: java.lang.RuntimeException: the workers have other code than the run: start them anew
\tat org.apache.beam.runners.fnexecution.environment.ExternalEnvironmentFactory.createEnvironment(External.java:128)
"""
NO_POOL = """java.lang.Exception: The user defined 'open()' method caused an exception: java.lang.RuntimeException
Caused by: org.apache.beam.vendor.grpc.v1p60p1.io.grpc.StatusRuntimeException: UNAVAILABLE: io exception
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
"""
LOST = (
    "Pipeline tfx-1_2 failed in state FAILED: org.apache.flink.runtime.io.network.netty.exception."
    "RemoteTransportException: Connection unexpectedly closed by remote task manager 'taskmanager-2'. This might "
    "indicate that the remote task manager was lost."
)
WORKER_KILLED = (
    "Pipeline tfx-1_2 failed in state FAILED: org.apache.beam.vendor.grpc.v1p60p1.io.grpc.StatusRuntimeException: "
    "org.apache.beam.vendor.grpc.v1p60p1.io.grpc.StatusRuntimeException: CANCELLED: call already cancelled. Use "
    "ServerCallStreamObserver.setOnCancelHandler() to disable this exception"
)


@contextmanager
def rest_api(answers: dict[str, Any]) -> Iterator[str]:
    """Answers as a JobManager's REST API does, by path; yields its ``HOST:PORT``."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path, {})).encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_clusters_addresses_become_options_of_beam_and_tfx_packs_nothing() -> None:
    options = beam_options([], BeamConfig(beam_runner="flink", flink="jobs:8081", parallelism=3))
    values = PipelineOptions(options).get_all_options()
    assert (values["flink_rest_address"], values["job_endpoint"]) == ("jobs:8081", "jobs:8099")
    assert (values["environment_type"], values["environment_config"]) == ("EXTERNAL", "localhost:50000")
    assert values["parallelism"] == 3
    assert dependency_utils.make_beam_dependency_flags(options) == options
    assert FlinkRunner.__name__ in values["runner"]


@pytest.mark.parametrize(
    ("given", "beam", "message"),
    [
        ([], {"flink": "a:1"}, "--flink a:1: counts with --beam-runner flink alone; add it, or leave --flink out"),
        (
            [],
            {"beam_runner": "flink"},
            "--beam-runner flink: needs the REST API of its JobManager as well; add --flink HOST",
        ),
        (
            ["--runner=FlinkRunner"],
            {"beam_runner": "flink", "flink": "a:1"},
            "--beam-args --runner=FlinkRunner: --beam",
        ),
        (["--parallelism=3"], {"beam_runner": "flink", "flink": "a:1", "parallelism": 2}, "or set beam.parallelism"),
        (["--job_endpoint", "a:1"], {"beam_runner": "flink", "flink": "a:1"}, "leave it out, or set beam.job_server"),
        (
            ["--environment_type=DOCKER"],
            {"beam_runner": "flink", "flink": "a:1"},
            "or set beam.worker_pool",
        ),
    ],
)
def test_what_contradicts_is_refused(given: list[str], beam: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        beam_options(given, BeamConfig(**beam))
    assert message in str(error.value)


def test_other_options_of_beam_go_with_the_cluster() -> None:
    options = beam_options(["--max_bundle_size=10"], BeamConfig(beam_runner="flink", flink="a:1"))
    assert options[-1] == "--max_bundle_size=10"


@pytest.mark.parametrize(
    ("overview", "parallelism", "message"),
    [
        ({}, 0, "something else than Flink's REST API answers"),
        (OVERVIEW | {"slots-total": 0}, 0, "has no TaskManager with a slot; start one, then run again"),
        (OVERVIEW | {"flink-version": "1.12.7"}, 0, "is Flink 1.12.7, and Beam "),
        (OVERVIEW, 3, "has 2 slots, fewer than beam.parallelism=3"),
    ],
)
def test_a_cluster_that_cannot_work_is_refused(overview: dict[str, Any], parallelism: int, message: str) -> None:
    with rest_api({"/overview": overview, "/taskmanagers": MANAGERS}) as rest, pytest.raises(UserError) as error:
        require_cluster(rest, "localhost:50000", parallelism)
    assert str(error.value).startswith(f"--flink {rest}: ")
    assert message in str(error.value)


def task_managers(megabytes: int, slots: int = 1) -> dict[str, Any]:
    """Two, as Flink 1.19 describes them, cut to what is read."""
    path = MANAGERS["taskmanagers"][0]["path"]
    memory = {"networkMemory": megabytes << 20, "managedMemory": 134217728}
    common = {"path": path, "slotsNumber": slots, "freeSlots": slots, "memoryConfiguration": memory}
    return {"taskmanagers": [{"id": f"taskmanager-{number}", **common} for number in (1, 2)]}


def configuration(**changes: str) -> list[dict[str, str]]:
    names = {"first": "network.sort-shuffle.min-parallelism", "buffers": "network.sort-shuffle.min-buffers"}
    names["segment"] = "memory.segment-size"
    own = [{"key": f"taskmanager.{names[name]}", "value": value} for name, value in changes.items()]
    return [{"key": "blob.server.port", "value": "39725"}, *own]


@pytest.mark.parametrize(
    ("megabytes", "slots", "parallelism", "config", "needed"),
    [
        (128, 1, 0, {}, 256),
        (256, 1, 0, {}, 256),
        (300, 2, 4, {}, 512),
        (32, 2, 1, {"segment": "8 kb"}, 64),
        (100, 1, 0, {"segment": "16384", "first": "2"}, 128),
        (100, 1, 0, {"segment": "1m", "buffers": "10"}, 160),
    ],
)
def test_too_few_network_buffers_are_refused_before_the_evaluator_needs_them(
    megabytes: int, slots: int, parallelism: int, config: dict[str, str], needed: int
) -> None:
    answers = {"/overview": OVERVIEW | {"slots-total": 2 * slots}, "/taskmanagers": task_managers(megabytes, slots)}
    answers["/jobmanager/config"] = configuration(**config)
    with rest_api(answers) as rest, pytest.raises(UserError) as error:
        require_cluster(rest, "localhost:50000", parallelism)
    has = f"--flink {rest}: taskmanager-1 has {megabytes} MB of network memory, and the evaluator's job needs more than"
    assert str(error.value).startswith(f"{has} {needed} MB; set taskmanager.network.sort-shuffle.min-parallelism: ")


@pytest.mark.parametrize(
    ("megabytes", "config"),
    [
        (512, configuration()),
        (4, configuration(first="1000")),
        (64, configuration(segment="4kb")),
        (4, configuration(segment="many")),
        (4, {"unknown": "answer"}),
    ],
)
def test_network_buffers_that_may_do_are_not_refused(megabytes: int, config: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pool:
        answers = {"/overview": OVERVIEW, "/taskmanagers": task_managers(megabytes), "/jobmanager/config": config}
        with rest_api(answers) as rest:
            options = require_cluster(rest, f"127.0.0.1:{pool.getsockname()[1]}", 0)
    assert options[0] == "--parallelism=2"


def test_what_is_no_flink_is_said() -> None:
    with api_server() as (host, _), pytest.raises(UserError, match="something else than Flink's REST API answers"):
        require_cluster(host.removeprefix("http://"), "localhost:50000", 0)


def test_a_worker_pool_that_is_not_there_is_refused_where_it_can_be_known() -> None:
    with held_ports(0) as (port,):
        pool = f"127.0.0.1:{port}"
        with (
            rest_api({"/overview": OVERVIEW, "/taskmanagers": MANAGERS}) as rest,
            pytest.raises(UserError, match=rf"^beam\.worker_pool={pool}: nobody listens there; start Beam's workers"),
        ):
            require_cluster(rest, pool, 0)
        # A sidecar's address says nothing here.
        with rest_api({"/overview": OVERVIEW, "/taskmanagers": ELSEWHERE}) as rest:
            assert require_cluster(rest, pool, 0)[0] == "--parallelism=2"


def test_the_workers_are_told_which_code_the_run_has() -> None:
    with rest_api({"/overview": OVERVIEW, "/taskmanagers": ELSEWHERE}) as rest:
        options = require_cluster(rest, "localhost:50000", 1)
    assert options[0] == "--parallelism=1"
    workers = json.loads(options[1].partition("=")[2])
    assert workers == {"url": "localhost:50000", "params": {CODE: workers_code_digest()}}


def test_workers_of_other_code_are_refused_in_words() -> None:
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1", params={CODE: "f" * 64})
    answer = WorkerPool().StartWorker(request, None)
    assert answer.error.startswith("the workers have other code than the run: modules/ and tfx_pipeline/ are ")
    assert answer.error.endswith("start the workers from the run's checkout or image")


def test_nobody_at_the_address_is_refused_within_seconds() -> None:
    begin = time.monotonic()
    with held_ports(0) as (port,):
        nobody = f"127.0.0.1:{port}"
        with pytest.raises(UserError, match=rf"^--flink {nobody}: no Flink cluster answers there"):
            require_runner(beam_options([], BeamConfig(beam_runner="flink", flink=nobody)))
        with (
            rest_api({"/overview": OVERVIEW, "/taskmanagers": ELSEWHERE}) as rest,
            pytest.raises(UserError, match=rf"^beam\.job_server={nobody}: no job server of Apache Beam answers there"),
        ):
            require_runner(beam_options([], BeamConfig(beam_runner="flink", flink=rest, job_server=nobody)))
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("trace", "line"),
    [
        (
            BUFFERS,
            "IOException: Insufficient number of network buffers: required 512, but only 488 available; set task",
        ),
        (PYTHON, "ValueError: no such image [while running 'Read/Decode']"),
        (CODE_DIFFERS, "the workers have other code than the run: start them anew"),
        (
            NO_POOL,
            "ConnectException: Connection refused; its TaskManagers find no worker at beam.worker_pool=pool:1; st",
        ),
        (
            "java.io.InvalidClassException: a.B; local class incompatible",
            "InvalidClassException: a.B; local class inco",
        ),
        (LOST, "RemoteTransportException: Connection unexpectedly closed by remote task manager 'taskmanager-2'. This"),
        (WORKER_KILLED, "StatusRuntimeException: CANCELLED: call already cancelled"),
        ("", ""),
    ],
)
def test_the_cause_of_a_failed_job_is_one_line(trace: str, line: str) -> None:
    assert cause_of(trace, "pool:1").startswith(line)
    assert "\n" not in cause_of(trace, "pool:1")


@pytest.mark.parametrize(("trace", "who"), [(LOST, "a TaskManager ended; "), (WORKER_KILLED, "a worker ended; ")])
def test_who_ended_is_said(trace: str, who: str) -> None:
    assert f"; {who}run again" in cause_of(trace, "pool:1")


def test_the_jobmanager_is_asked_why_a_job_failed() -> None:
    jobs = {"jobs": [{"jid": "ab", "name": "other"}, {"jid": "cd", "name": "mine"}]}
    entries = {"exceptionHistory": {"entries": [{"stacktrace": PYTHON}]}}
    with rest_api({"/jobs/overview": jobs, "/jobs/cd/exceptions": entries}) as rest:
        error = failure_of(rest, "mine", "CANCELLED: client cancelled", "pool:1")
        assert str(error) == f"--flink {rest}: the job failed: ValueError: no such image [while running 'Read/Decode']"
        assert str(failure_of(rest, "unknown", "java.lang.RuntimeException: no", "pool:1")).endswith("failed: no")
