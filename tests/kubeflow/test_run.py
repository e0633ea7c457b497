"""kubeflow_runner.py as a person calls it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import kubeflow_runner
from tests.kubeflow.api_server import api_server
from tests.kubeflow.conftest import read_config
from tests.kubeflow.proxies import log_in_proxy
from tfx_pipeline.kubeflow.client import watch
from tfx_pipeline.kubeflow.run import notes

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("KF_", "KFP_", "KUBE"))}


def run(*flags: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "kubeflow_runner.py"), *flags]
    environment = {**ENVIRONMENT, "HOME": str(cwd), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_without_flags_it_writes_the_package_and_says_how_to_upload_it(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "wrote fashion_mnist_pipeline.yaml"
    assert lines[1].startswith("image tfx-fashion-mnist:0.1.0")
    assert '"Upload pipeline"' in lines[-1]
    assert (tmp_path / "fashion_mnist_pipeline.yaml").read_text().count("\n---\n") == 1


def test_a_person_is_told_of_the_image_and_where_models_go() -> None:
    assert notes(read_config().kubeflow) == [
        "image tfx-fashion-mnist:0.1.0: the cluster's nodes must have it, or be able to fetch it",
        "  image tfx-fashion-mnist:0.1.0: a tag can be overwritten; a digest, which make image-push prints, cannot",
        "models go to minio://mlpipeline/shared/fashion-mnist/serving",
    ]


def test_a_person_is_told_what_is_left_to_do_by_hand() -> None:
    said = notes(read_config("--image", "fashion:latest", "--set", "kubeflow.service_account=trainers").kubeflow)
    assert "its tag may move" in said[1]
    assert said[-1] == "service account trainers: choose it with each run; a package cannot hold it"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Calls the command in this process, which has TensorFlow loaded already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)

    def call_it(*flags: str) -> int:
        monkeypatch.setattr(sys, "argv", ["kubeflow_runner.py", *flags])
        return kubeflow_runner.main()

    return call_it


def test_it_uploads_runs_and_ends_with_the_runs_outcome(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    with api_server() as (host, state):
        assert call("--upload", "--watch", "--host", host, "--param", "epochs=2", "--output", "p.yaml") == 0
    said = capfd.readouterr()
    assert "warning: image tfx-fashion-mnist:0.1.0: a tag can be overwritten" in said.err
    assert said.out.splitlines() == [
        "wrote p.yaml",
        "uploaded fashion-mnist of the pipeline fashion-mnist",
        f"started {host}/#/runs/details/run-1",
        f"succeeded {host}/#/runs/details/run-1",
    ]
    assert state.runs[0]["runtime_config"] == {"parameters": {"epochs": 2}}


def test_a_run_that_fails_is_one_line_and_another_exit_code(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    with api_server() as (host, state):
        state.progress = [{"state": "FAILED"}]
        assert call("--watch", "--host", host) == 1
    assert capfd.readouterr().err.splitlines()[-1] == f"error: the run failed; see {host}/#/runs/details/run-1"


def test_an_interrupt_ends_the_following_and_not_the_run(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", interrupt)
    with api_server() as (host, state):
        state.progress = [{"state": "FAILED"}, {"state": "RUNNING"}]
        assert call("--retry-run", "run-1", "--watch", "--host", host) == 130
    said = capfd.readouterr()
    assert said.out.splitlines()[-1] == f"no longer followed, but goes on: {host}/#/runs/details/run-1"
    assert said.err == ""


def test_a_token_can_come_from_the_environment(call: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_TOKEN", "right")
    with api_server() as (host, state):
        state.token = "right"
        assert call("--upload", "--host", host) == 0


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--hots", "x"], "error: --hots: unknown flag, did you mean --host?; see --help\n"),
        (
            ["--set", "kubeflow.image_pull_policy=Sometimes"],
            "error: --set kubeflow.image_pull_policy=Sometimes: got 'Sometimes', expected ",
        ),
    ],
)
def test_a_mistake_is_one_line_and_another_exit_code(flags: list[str], error: str, tmp_path: Path) -> None:
    done = run(*flags, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_gone_with_its_pod_is_refused_for_a_run_too(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    with api_server() as (host, state):
        assert call("--run", "--host", host, "--param", "serving_dir=/models") == 2
        assert state.runs == []
        assert call("--run", "--host", host, "--serving-pvc", "zoo", "--param", "serving_dir=/serving/fashion") == 0
    line = next(line for line in capfd.readouterr().err.splitlines() if line.startswith("error: "))
    assert line.startswith("error: --param serving_dir=/models: baseline-locator mounts no volume there, and what it ")


def test_a_secret_in_a_flag_is_not_printed(call: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> None:
    assert call("--data-dir", "hdfs://key:hunter22@store/fashion") == 2
    said = capfd.readouterr().err
    assert said.startswith("error: --data-dir hdfs://key:[redacted]@store/fashion")
    assert said.count("\n") == 1


def test_the_manifest_of_a_tensorboard_has_the_configured_secret(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("--tensorboard-manifest", "minio://b/logs", "--set", "kubeflow.minio_secret=mine") == 0
    pod, _ = yaml.safe_load_all(capfd.readouterr().out)
    (container,) = pod["spec"]["containers"]
    references = [entry["valueFrom"]["secretKeyRef"]["name"] for entry in container["env"] if "valueFrom" in entry]
    assert references == ["mine", "mine"]


def test_help_loads_neither_tensorflow_nor_kubeflow(tmp_path: Path) -> None:
    code = "import runpy, sys\nsys.argv[1:] = ['--help']\ntry: runpy.run_path(sys.argv[0], run_name='__main__')\n"
    code += "except SystemExit: pass\nprint(sorted({'tensorflow', 'kfp', 'tfx', 'fsspec'} & set(sys.modules)))"
    command = [sys.executable, "-c", code.replace("sys.argv[0]", repr(str(ROOT / "kubeflow_runner.py")))]
    done = subprocess.run(command, env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)  # noqa: PLW1510
    assert "--serving-pvc" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_failed_run_is_retried_without_a_package(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with api_server() as (host, state):
        state.progress = [{"state": "FAILED"}]
        assert call("--retry-run", "run-1", "--host", host) == 0
    assert capfd.readouterr() == (f"retried {host}/#/runs/details/run-1\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--retry-run", "x", "--run"], "--retry-run and --run cannot be given together"),
        (["--upload", "--retry-run", "x"], "--retry-run and --upload cannot be given together"),
        (["--retry-run", "x", "--param", "epochs=2"], "--retry-run and --param cannot be given together"),
        (["--retry-run", "x", "--epochs", "2"], "--retry-run and --epochs cannot be given together"),
        (["--tensorboard-manifest", "s3://x", "--retry-run", "x"], "--retry-run and --tensorboard-manifest cannot be "),
        (
            ["--tensorboard-manifest", "s3://x", "--watch"],
            "--tensorboard-manifest and --watch cannot be given together",
        ),
        (["--schedules", "--unschedule", "x"], "--schedules and --unschedule cannot be given together"),
        (["--unschedule", "x", "--schedule", "@daily"], "--unschedule and --schedule cannot be given together"),
        (["--schedules", "--serving-dir", "x"], "--schedules and --serving-dir cannot be given together"),
        (["--unschedule", ""], "--unschedule: got '', expected a value"),
        (["--catch-up"], "--max-concurrency and --catch-up are for a schedule: give --schedule too"),
        (["--run", "--max-concurrency", "2"], "--max-concurrency and --catch-up are for a schedule"),
        (
            ["--schedule", "@daily", "--max-concurrency", "99"],
            "--max-concurrency 99: expected a whole number from 1 to",
        ),
        (["--schedule", "0 25 * * *"], "--schedule 0 25 * * *: hour: got '25', expected 0 to 23"),
        (["--schedule", ""], "--schedule: got 0 fields, expected minute"),
        (["--retry-run", ""], "--retry-run: got '', expected a value"),
        (["--tensorboard-manifest", ""], "--tensorboard-manifest: got '', expected a value"),
    ],
)
def test_what_cannot_be_done_at_once_is_refused(
    flags: list[str], error: str, call: Callable[..., int], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(*flags) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"error: {error}")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_package_is_uploaded_and_scheduled_at_once(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    schedule = ["--schedule", "0 3 * * *", "--max-concurrency", "3", "--catch-up"]
    run_of_it = ["--experiment", "nightly", "--set", "kubeflow.service_account=trainers", "--param", "epochs=2"]
    with api_server() as (host, state):
        assert call("--host", host, *schedule, *run_of_it, "--no-cache") == 0
        uploaded, scheduled = capfd.readouterr().out.splitlines()[1:]
        assert call("--host", host, "--schedules") == 0
        assert call("--host", host, "--unschedule", "fashion-mnist") == 0
    assert uploaded.startswith("uploaded fashion-mnist of the pipeline")
    assert scheduled.startswith("scheduled fashion-mnist at '0 0 3 * * *': ")
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].startswith("fashion-mnist  0 0 3 * * *  enabled  none yet")
    assert lines[-1] == "ended the schedule fashion-mnist, at '0 0 3 * * *'"
    assert (state.schedules, state.runs) == ([], [])
    assert state.packages[0][0]["root"]["dag"]["tasks"]["trainer"]["cachingOptions"] == {}


def test_cookies_come_from_a_file_or_the_environment_and_are_not_printed(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").write_text("Cookie: session=goodsecret")
    with api_server() as (behind, state), log_in_proxy(behind, "session=goodsecret") as (host, seen):
        state.progress = [{"state": "FAILED"}]
        assert call("--retry-run", "run-1", "--host", host, "--cookies", "good") == 0
        monkeypatch.setenv("KFP_COOKIES", "session=goodsecret")
        assert call("--retry-run", "run-1", "--host", host) == 0
        assert capfd.readouterr().err == ""
        seen.clear()
        monkeypatch.setenv("KFP_COOKIES", "session=badsecret")
        assert call("--upload", "--host", host) == 2
        assert {*seen} == {"/apis/v2beta1/healthz"}
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {host}: cannot connect: it asks to log in at {host}/dex/auth; give the cookies of")
    assert "secret" not in error


def test_cookies_that_cannot_be_read_are_said_before_the_package_is_written(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call("--upload", "--host", "http://localhost", "--cookies", "none.txt") == 2
    assert capfd.readouterr().err.startswith("error: --cookies none.txt: No such file or directory; expected a cookie")
    assert list(tmp_path.iterdir()) == []


def test_the_certificate_of_an_own_authority_is_named_by_the_environment(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KFP_CA_CERT", "none.pem")
    with api_server() as (host, _):
        assert call("--schedules", "--host", host) == 2
    assert capfd.readouterr().err.startswith(
        "error: KFP_CA_CERT=none.pem: no such file, expected one with certificates"
    )


def test_fetch_brings_runs_into_the_output_directory(
    call: Callable[..., int], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with api_server() as (host, state):
        state.ended = {"run-7": {"state": "RUNNING", "created_at": "2026-11-25T02:12:34Z"}}
        assert call("--fetch", "run-7", "run-8", "--host", host, "--set", "run.output_dir=mine") == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: 2 of 2 runs are not here: --fetch run-7: the run has not ended, its state is")
    assert said.err.count("\n") == 1
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--fetch"], "error: argument --fetch: expected at least one argument; see --help\n"),
        (["--fetch", "../x"], "error: --fetch ../x: expected the id of a run, with which its page's address ends"),
        (["--fetch", "latest", "--upload"], "error: --fetch and --upload cannot be given together"),
        (["--fetch", "latest", "--epochs", "3"], "error: --fetch and --epochs cannot be given together"),
    ],
)
def test_a_wrong_fetch_is_one_line(
    flags: list[str], error: str, call: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    with api_server() as (host, _):
        assert call(*flags, "--host", host) == 2
    assert capfd.readouterr().err.startswith(error)
