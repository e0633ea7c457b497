"""The whole pipeline on a real Flink session cluster of two TaskManagers, each with a worker in its own process."""

import contextlib
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft

from tests.e2e.test_crash import assert_what_looks_finished_is
from tests.prefork import Process, Runs
from tests.small_run import Run
from tools.flink_cluster import Cluster, session_cluster

pytestmark = pytest.mark.e2e

FLAGS = ("--limit", "21000", "--epochs", "2", "--min-accuracy", "0.5", "--min-class-accuracy", "0")
"""Three files of training examples and one of the others: what workers share and what one has alone."""
ENDED = ("FINISHED", "FAILED", "CANCELED")


@pytest.fixture(scope="module")
def embedded(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with Beam inside the process."""
    return finished(runs, tmp_path_factory.mktemp("embedded") / "output")


@pytest.fixture(scope="module")
def on_flink(runs: Runs, flink: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run on the cluster."""
    return finished(runs, tmp_path_factory.mktemp("on-flink") / "output", *flink.flags)


@pytest.fixture
def own_cluster(flink: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for a test that harms it; `flink` skips where there is no Java."""
    with session_cluster(tmp_path / "flink") as cluster:
        yield cluster


def finished(runs: Runs, output: Path, *flags: str) -> Run:
    process = runs.start("--output-dir", str(output), *FLAGS, *flags)
    code = process.wait()
    assert code == 0, process.console
    return Run(output, process.console, code)


def jobs(cluster: Cluster) -> dict[str, str]:
    """The state of each job that the cluster knows."""
    return {job["jid"]: job["state"] for job in cluster.ask("/jobs/overview")["jobs"]}


def wait_until(what: Callable[[], Any], process: Process | None = None, seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, process and process.console
        time.sleep(0.02)
    return found


def working(cluster: Cluster, manager: str = "") -> bool:
    """Whether a job has tasks that work, on a TaskManager whose name begins so."""
    running = [job for job, state in jobs(cluster).items() if state == "RUNNING"]
    vertices = [f"/jobs/{job}/vertices/{vertex['id']}" for job in running for vertex in vertices_of(cluster, job)]
    tasks = [task for vertex in vertices for task in cluster.ask(vertex)["subtasks"] if task["status"] == "RUNNING"]
    return any(task["taskmanager-id"].startswith(manager) for task in tasks)


def vertices_of(cluster: Cluster, job: str) -> list[dict[str, Any]]:
    return list(cluster.ask(f"/jobs/{job}")["vertices"])


def workers(cluster: Cluster) -> set[int]:
    """The processes that run this project's code for the cluster: the pool's server starts them."""
    return {worker for server in children(cluster.processes["worker-pool"].pid) for worker in children(server)}


def data_clients(cluster: Cluster) -> int:
    """How many workers have come to the TaskManagers for data since these were started."""
    logs = [log.read_text(errors="replace") for log in cluster.folder.glob("taskmanager-*.log")]
    return sum(log.count("Beam Fn Data client connected") for log in logs)


def children(process: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            if int(stat.read_text().rpartition(")")[2].split()[1]) == process:
                found.add(int(stat.parent.name))
    return found


def begin(runs: Runs, cluster: Cluster, output: Path, component: str) -> Process:
    """Starts a run on the cluster and waits until a component begins."""
    process = runs.start("--output-dir", str(output), *FLAGS, *cluster.flags)
    process.wait_in(output, component)
    return process


def assert_failed_in(process: Process, output: Path, component: str) -> None:
    """One line, a code that is not 0, and nothing that looks finished and is not."""
    process.wait_for("error: ")
    assert process.wait() == 1, process.console
    assert "Traceback" not in process.console
    (line,) = [line for line in process.console.splitlines() if line.startswith("error: ")]
    manifest = json.loads((output / "run.json").read_text())
    assert (manifest["status"], manifest["error"]) == ("failed", line.removeprefix("error: "))
    states = {found["id"]: found["state"] for found in manifest["components"]}
    assert states[component] == "failed"
    assert states["trainer"] == "not run"
    assert_what_looks_finished_is(output)
    assert not [path for path in (output / "pipeline" / component).glob("[!.]*/**/*") if path.is_file()]
    assert not (output / "serving").exists()


def contents(folder: Path) -> dict[str, bytes]:
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("component", "key"),
    [
        ("example-gen", "examples"),
        ("statistics-gen", "statistics"),
        ("example-validator", "anomalies"),
        ("data-gate", "report"),
        ("evaluator", "blessing"),
    ],
)
def test_files_are_those_of_the_embedded_runner_byte_for_byte(
    component: str, key: str, embedded: Run, on_flink: Run
) -> None:
    assert contents(on_flink.artifact(component, key)) == contents(embedded.artifact(component, key))


def test_the_model_and_its_verdict_are_those_of_the_embedded_runner_to_the_digit(embedded: Run, on_flink: Run) -> None:
    names = ("metrics", "blessed", "data", "refusals")
    assert {name: on_flink.manifest[name] for name in names} == {name: embedded.manifest[name] for name in names}
    # TensorFlow numbers weights in another order each time.
    assert weights(on_flink) == weights(embedded)


def weights(run: Run) -> Counter[bytes]:
    checkpoint = tf.train.load_checkpoint(str(run.artifact("trainer", "model") / "Format-Serving/variables/variables"))
    names = [name for name in checkpoint.get_variable_to_shape_map() if name.startswith("_weights")]
    assert names
    return Counter(checkpoint.get_tensor(name).tobytes() for name in names)


def test_every_metric_of_every_slice_is_that_of_the_embedded_runner_in_whatever_order(
    embedded: Run, on_flink: Run
) -> None:
    ours, theirs = measured(on_flink), measured(embedded)
    assert len(theirs) > 100
    assert ours == theirs


def measured(run: Run) -> Counter[tuple[bytes, bytes]]:
    """Slice and metric, or plot, of all that TFMA wrote; each worker writes a file."""
    uri = str(run.artifact("evaluator", "evaluation"))
    found: Counter[tuple[bytes, bytes]] = Counter()
    for of_slice in tfma.load_metrics(uri):
        key = of_slice.slice_key.SerializeToString(deterministic=True)
        found.update((key, value.SerializeToString(deterministic=True)) for value in of_slice.metric_keys_and_values)
    for of_slice in tfma.load_plots(uri):
        key = of_slice.slice_key.SerializeToString(deterministic=True)
        found.update((key, value.SerializeToString(deterministic=True)) for value in of_slice.plot_keys_and_values)
    return found


def test_the_transform_graph_does_to_images_what_the_embedded_runners_does(embedded: Run, on_flink: Run) -> None:
    shard = next((embedded.artifact("example-gen", "examples") / "Split-eval").iterdir())
    examples = list(tf.data.TFRecordDataset(str(shard), "GZIP").take(100))
    one, other = (transformed(run, examples) for run in (on_flink, embedded))
    assert one.keys() == other.keys()
    assert len(other) == 2
    for name, values in other.items():
        np.testing.assert_array_equal(one[name], values)


def transformed(run: Run, examples: list[tf.Tensor]) -> dict[str, np.ndarray]:
    output = tft.TFTransformOutput(str(run.artifact("transform", "transform_graph")))
    features = tf.io.parse_example(examples, output.raw_feature_spec())
    return {name: value.numpy() for name, value in output.transform_features_layer()(features).items()}


def test_both_task_managers_worked(on_flink: Run, flink: Cluster) -> None:
    done = [job for job, state in jobs(flink).items() if state == "FINISHED"]
    assert len(done) >= 4  # example-gen, statistics-gen, data-gate, evaluator
    hosts = set()
    for job in done:
        for vertex in vertices_of(flink, job):
            of_vertex = flink.ask(f"/jobs/{job}/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]
            hosts |= {manager["taskmanager-id"] for manager in of_vertex if manager["metrics"]["read-records"]}
    assert len(hosts) == 2


@pytest.mark.thorough("tfx_pipeline/beam/", "tools/flink_cluster.py")
def test_after_the_death_of_a_task_manager_and_of_a_worker_the_next_run_ends_as_if_there_had_been_none(
    runs: Runs, own_cluster: Cluster, embedded: Run, tmp_path: Path
) -> None:
    cluster, output = own_cluster, tmp_path / "output"
    process = begin(runs, cluster, output, "statistics-gen")
    wait_until(lambda: working(cluster, "taskmanager-2"), process)
    cluster.processes["taskmanager-2"].kill()
    assert_failed_in(process, output, "statistics-gen")
    cluster.processes["taskmanager-2"].wait()
    cluster.start_task_manager(2)
    wait_until(lambda: len(cluster.ask("/taskmanagers")["taskmanagers"]) == 2)

    for has_come_for_data in (False, True):
        process = begin(runs, cluster, output, "data-gate")
        idle, connected = workers(cluster), data_clients(cluster)
        wait_until(lambda: workers(cluster) - idle, process)  # noqa: B023 - called here
        if has_come_for_data:
            wait_until(lambda: data_clients(cluster) == connected + 2, process)  # noqa: B023
        (worker, *_) = workers(cluster) - idle
        os.kill(worker, signal.SIGKILL)
        assert_failed_in(process, output, "data-gate")
    assert not set(jobs(cluster).values()) - set(ENDED)

    last = finished(runs, output, *cluster.flags)
    states = last.states()
    assert {states[name] for name in ("example-gen", "statistics-gen")} == {"cached"}
    assert states["data-gate"] == "succeeded"
    assert last.manifest["metrics"] == embedded.manifest["metrics"]
    assert contents(last.artifact("data-gate", "report")) == contents(embedded.artifact("data-gate", "report"))
    assert_what_looks_finished_is(output)


@pytest.mark.parametrize("moment", ["at once", "while it works"])
def test_a_run_that_is_interrupted_leaves_no_job_on_the_cluster(
    moment: str, runs: Runs, flink: Cluster, tmp_path: Path
) -> None:
    output, known = tmp_path / "output", set(jobs(flink))
    process = begin(runs, flink, output, "example-gen")
    if moment == "while it works":
        wait_until(lambda: working(flink), process)
    else:
        wait_until(lambda: "Job state changed to RUNNING" in Run(output, "", 0).log, process)
    assert process.kill(signal.SIGINT) == 130, process.console
    assert process.left_over() == []
    (line,) = [line for line in process.console.splitlines() if line.startswith("error: ")]
    assert line == "error: interrupted (Ctrl-C)"
    (job,) = set(jobs(flink)) - known
    assert jobs(flink)[job] == "CANCELED"
    assert_what_looks_finished_is(output)


def test_a_cluster_that_is_not_there_is_refused_in_seconds(runs: Runs, tmp_path: Path) -> None:
    start = time.monotonic()
    flags = ("--beam-runner", "flink", "--flink", "127.0.0.1:9")
    process = runs.start("--output-dir", str(tmp_path / "output"), *FLAGS, *flags)
    assert process.wait() == 1, process.console
    assert time.monotonic() - start < 10
    assert re.search(r"^error: --flink 127\.0\.0\.1:9: no Flink cluster answers", process.console, re.MULTILINE)
    assert "Traceback" not in process.console
