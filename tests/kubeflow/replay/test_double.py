"""The test double loses and refuses what the backend does, so that a package that it runs is proven."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubeflow.replay import pod
from tests.kubeflow.replay.backend import Backend, Run
from tests.kubeflow.replay.driver import DriverError
from tests.kubeflow.replay.launcher import LauncherError, expanded
from tests.kubeflow.replay.package import Package, RejectedError
from tests.kubeflow.replay.retries import FAILED, LOST, BrokenPolicyError, Retries

TWICE = {"maxRetryCount": 2, "backoffDuration": "30s", "backoffFactor": 2, "backoffMaxDuration": "3600s"}
MODEL = {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}

READ = (
    "import json, os, sys; i = json.loads(sys.argv[1]); o = i['outputs']; u = o['artifacts']['out']['artifacts'][0]\n"
)
WRITE = (
    "p = '/' + u['uri'].replace('://', '/') if 'customPath' not in u else u['customPath']\n"
    "os.makedirs(p); open(p + '/file', 'w').write('1')\n"
    "def answer(**a): open(o['outputFile'], 'w').write(json.dumps({'artifacts': {'out': {'artifacts': [a]}}}))\n"
)


def step(
    code: str, *, inputs: dict[str, str] | None = None, container: dict[str, Any] | None = None, **task: Any
) -> dict[str, Any]:
    """A step whose container runs Python code, or a command, with one output `out` and the inputs `{key: producer}`."""
    python = {"command": ["python3", "-c"], "args": [READ + textwrap.dedent(code), "{{$}}"]}
    return {"container": {"image": "i"} | (container or python), "inputs": inputs or {}, "task": task}


def write_package(path: Path, *, platform: dict[str, Any] | None = None, **steps: dict[str, Any]) -> Path:
    """Writes a package of steps named by keyword, with a run parameter `message` of default "hello"."""
    components, executors, tasks = {}, {}, {}
    for name, content in steps.items():
        inputs = {
            key: {"taskOutputArtifact": {"producerTask": p, "outputArtifactKey": "out"}}
            for key, p in content["inputs"].items()
        }
        parameters = {"message": {"componentInputParameter": "message"}}
        components[f"comp-{name}"] = {
            "executorLabel": f"{name}_executor",
            "outputDefinitions": {"artifacts": {"out": MODEL}},
        }
        executors[f"{name}_executor"] = {"container": content["container"]}
        tasks[name] = {
            "componentRef": {"name": f"comp-{name}"},
            "taskInfo": {"name": name},
            "inputs": {"artifacts": inputs, "parameters": parameters},
            "dependentTasks": sorted(set(content["inputs"].values())),
            **content["task"],
        }
    parameter = {"message": {"parameterType": "STRING", "defaultValue": "hello"}}
    spec = {
        "schemaVersion": "2.1.0",
        "pipelineInfo": {"name": "double"},
        "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": parameter}},
        "components": components,
        "deploymentSpec": {"executors": executors},
    }
    path.write_text(yaml.safe_dump_all([spec, platform] if platform else [spec]))
    return path


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(tmp_path / "cluster", {"models": tmp_path / "models"})


def run(backend: Backend, tmp_path: Path, **steps: Any) -> Run:
    return backend.run(Package(write_package(tmp_path / "package.yaml", **steps)))


def test_files_and_metadata_reach_the_next_step_and_the_type_does_not(backend: Backend, tmp_path: Path) -> None:
    first = step(WRITE + "answer(uri=u['uri'], metadata={'n': 1, 'l': [1], 'd': {'a': 1}, 'b': True})")
    second = step("pass", inputs={"model": "first"})
    done = run(backend, tmp_path, first=first, second=second)
    assert done.states == {"first": "succeeded", "second": "succeeded"}
    model = done.inputs["second"]["inputs"]["artifacts"]["model"]["artifacts"][0]
    assert model["type"] == {"instanceSchema": ""}
    added = {name: model["metadata"].pop(name) for name in ("display_name", "store_session_info")}
    assert added["display_name"] == "out"
    assert model["metadata"] == {"n": 1.0, "l": {"list": [1.0]}, "d": {"struct": {"a": 1.0}}, "b": 1.0}
    assert backend.files(done, "first", "out") == {"file"}


def test_output_under_a_local_path_is_not_uploaded(backend: Backend, tmp_path: Path) -> None:
    local = step(WRITE + "answer(uri=p)")
    done = run(backend, tmp_path, local=local)
    assert done.states == {"local": "succeeded"}
    assert not backend.store.path(done.inputs["local"]["outputs"]["artifacts"]["out"]["artifacts"][0]["uri"]).exists()


def test_output_outside_of_the_run_fails_the_step(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="does not lie under"):
        run(backend, tmp_path, foreign=step(WRITE + "answer(uri='minio://mlpipeline/elsewhere')"))


def test_unknown_field_in_the_output_file_fails_the_step(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="unmarshall"):
        run(backend, tmp_path, strict=step(WRITE + "answer(uri=u['uri'], unknown=1)"))


def test_null_in_the_metadata_fails_the_step(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unsupported"):
        run(backend, tmp_path, null=step(WRITE + "answer(uri=u['uri'], metadata={'a': None})"))


def test_only_the_parent_of_an_output_is_made(backend: Backend, tmp_path: Path) -> None:
    code = (
        "p = '/' + u['uri'].replace('://', '/') if 'customPath' not in u else u['customPath']\n"
        "assert os.path.isdir(os.path.dirname(p)) and not os.path.exists(p)"
    )
    assert run(backend, tmp_path, parent=step(code)).states == {"parent": "succeeded"}


def test_output_for_the_log_is_added_and_holds_it(backend: Backend, tmp_path: Path) -> None:
    done = run(backend, tmp_path, talks=step("print('said')"))
    log = backend.artifact(done, "talks", "executor-logs")["uri"]
    assert log.endswith("/executor-logs-0")
    assert backend.store.path(log).read_text() == "said\n"


def test_failed_step_is_retried_on_2_16_and_not_on_2_17_and_ends_the_run(backend: Backend, tmp_path: Path) -> None:
    fails = step("raise SystemExit(3)", retryPolicy=TWICE)
    done = run(backend, tmp_path, fails=fails, after=step("pass", inputs={"x": "fails"}), other=step("pass"))
    assert done.states == {"fails": "failed", "after": "not run", "other": "succeeded"}
    assert len(done.logs["fails"]) == 1
    backend.version = "2.16"
    assert len(run(backend, tmp_path, fails=fails).logs["fails"]) == 3


@pytest.mark.parametrize(("version", "attempts"), [("2.16", 1), ("2.17", 3)])
def test_lost_pod_is_replaced_on_2_17_and_not_on_2_16(
    version: str, attempts: int, backend: Backend, tmp_path: Path
) -> None:
    backend.version = version
    package = Package(
        write_package(tmp_path / "package.yaml", waits=step("import time; time.sleep(60)", retryPolicy=TWICE))
    )
    done = backend.run(package, evictions={"waits": [0.2] * 3})
    assert done.states == {"waits": "failed"}
    assert len(done.logs["waits"]) == attempts


@pytest.mark.parametrize(("version", "again"), [("2.16", False), ("2.17", True)])
def test_without_a_policy_the_controller_of_2_17_replaces_a_lost_pod_twice(version: str, again: bool) -> None:
    retries = Retries({}, version)
    assert not retries.again(FAILED)
    assert [retries.again(LOST) for _ in range(3)] == [again, again, False]


@pytest.mark.parametrize("window", [{}, {"backoffMaxDuration": "0s"}, {"backoffMaxDuration": "30s"}])
def test_window_that_ends_before_the_wait_means_no_retry(window: dict[str, str]) -> None:
    policy = {key: value for key, value in TWICE.items() if key != "backoffMaxDuration"} | window
    assert not Retries(policy, "2.16").again(FAILED)
    assert Retries(TWICE, "2.16").again(FAILED)


def test_factor_that_is_no_whole_number_fails_at_the_first_retry() -> None:
    with pytest.raises(BrokenPolicyError):
        Retries({**TWICE, "backoffFactor": 1.5}, "2.16").again(FAILED)


def test_each_attempt_starts_without_the_files_of_the_one_before(backend: Backend, tmp_path: Path) -> None:
    code = (
        "marks = [os.path.join(d, 'mark') for d in (os.getcwd(), os.path.dirname(o['outputFile']))]\n"
        "assert not any(os.path.exists(m) for m in marks), 'not a new pod'\n"
        "[open(m, 'w') for m in marks]; raise SystemExit(1)"
    )
    backend.version = "2.16"
    done = run(backend, tmp_path, dirty=step(code, retryPolicy=TWICE))
    assert len(done.logs["dirty"]) == 3
    assert not any("not a new pod" in log for log in done.logs["dirty"])


def test_step_is_cached_by_its_inputs_only_where_it_says_so(backend: Backend, tmp_path: Path) -> None:
    steps = {"kept": step("pass", cachingOptions={"enableCache": True}), "uncached": step("pass")}
    package = Package(write_package(tmp_path / "package.yaml", **steps))
    backend.run(package)
    assert backend.run(package).states == {"kept": "cached", "uncached": "succeeded"}
    assert backend.run(package, {"message": "other"}).states == {"kept": "succeeded", "uncached": "succeeded"}


@pytest.mark.skipif(not pod.has_namespaces(), reason="this machine forbids a file system of one's own")
def test_pod_sees_its_volumes_and_neither_the_object_store_nor_the_tests_environment(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TESTS", "1")
    mount = [{"pvcNameParameter": {"runtimeValue": {"constant": "models"}}, "mountPath": "/serving"}]
    executors = {"alone_executor": {"pvcMount": mount}}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    code = (
        "open('/serving/pushed', 'w')\n"
        f"assert not os.path.exists({str(tmp_path / 'cluster' / 'objects')!r}) and 'OF_THE_TESTS' not in os.environ"
    )
    done = run(backend, tmp_path, platform=platform, alone=step(code))
    assert done.states == {"alone": "succeeded"}, done.logs
    assert (tmp_path / "models" / "pushed").exists()


def test_claim_that_does_not_exist_is_refused(backend: Backend, tmp_path: Path) -> None:
    mount = [{"pvcNameParameter": {"runtimeValue": {"constant": "none"}}, "mountPath": "/serving"}]
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"x_executor": {"pvcMount": mount}}}}}}
    with pytest.raises(RejectedError, match="'none' not found"):
        run(backend, tmp_path, platform=platform, x=step("pass"))


def test_unknown_field_of_an_executor_is_refused(backend: Backend, tmp_path: Path) -> None:
    executors = {"x_executor": {"sharedMemory": "1Gi"}}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    with pytest.raises(RejectedError, match="sharedMemory"):
        run(backend, tmp_path, platform=platform, x=step("pass"))


@pytest.mark.parametrize(
    ("name", "code", "reason"), [("a_b", "pass", "task name"), ("a", "'{{workflow.name}}'", "template expression")]
)
def test_what_argo_would_not_take_is_refused(name: str, code: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match=reason):
        Package(write_package(tmp_path / "package.yaml", **{name: step(code)}))


def test_run_without_a_parameter_that_has_no_default_is_refused(backend: Backend, tmp_path: Path) -> None:
    path = write_package(tmp_path / "package.yaml", x=step("pass"))
    path.write_text(path.read_text().replace("defaultValue: hello", "description: none"))
    with pytest.raises(RejectedError, match="missing: \\['message'\\]"):
        backend.run(Package(path))
    with pytest.raises(RejectedError, match="unknown: \\['other'\\]"):
        backend.run(Package(path), {"message": "a", "other": 1})


def test_order_is_that_of_dependent_tasks_alone(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="producer task 'z' has not run"):
        run(backend, tmp_path, a=step("pass", inputs={"x": "z"}, dependentTasks=[]), z=step("pass"))


def test_input_of_a_task_that_there_is_not_is_refused(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="unknown producer"):
        run(backend, tmp_path, x=step("pass", inputs={"a": "nobody"}))


def test_kubernetes_expands_variables_in_arguments() -> None:
    assert expanded("$(HOME) $(NONE) $$(HOME)", {"HOME": "/home/app"}) == "/home/app $(NONE) $(HOME)"


def test_the_executor_input_is_compact_json_without_empty_fields(backend: Backend, tmp_path: Path) -> None:
    done = run(backend, tmp_path, prints=step("print(sys.argv[1])"))
    text = done.logs["prints"][0]
    assert json.loads(text)["inputs"] == {"parameterValues": {"message": "hello"}}
    assert '": ' not in text
