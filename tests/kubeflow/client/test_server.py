"""kfp's client against a small API server: uploads, runs, and each thing that can go wrong in one line."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubeflow.api_server import State, api_server
from tfx_pipeline.kubeflow.client import watch
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.submit import Request, submit
from tfx_pipeline.process.errors import UserError
from tools.ports import held_ports

EVERYTHING = Request(
    upload=True, run=True, watch=True, experiment="trials", service_account="trainers", arguments={"epochs": 3}
)
ONLY_UPLOAD = Request(upload=True, run=False, watch=False, experiment="Default", service_account=None, arguments={})
ONLY_RUN = Request(upload=False, run=True, watch=False, experiment="Default", service_account=None, arguments={})


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without a kubeconfig, and without patience."""
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(watch.time, "sleep", lambda _: None)


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    with api_server() as running:
        yield running


@pytest.fixture
def send(server: tuple[str, State], write_package: Callable[..., Path]) -> Callable[..., list[str]]:
    """Submits the package and returns the lines that a person sees."""
    package = write_package()
    spec = next(yaml.safe_load_all(package.read_text()))

    def submit_it(request: Request, **connection: str) -> list[str]:
        lines: list[str] = []
        submit(package, spec, Connection(**{"host": server[0], **connection}), request, lines.append)
        return lines

    return submit_it


def test_a_first_upload_makes_the_pipeline(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    assert send(ONLY_UPLOAD) == ["uploaded fashion-mnist of the pipeline fashion-mnist"]
    spec, platform = server[1].packages[0]
    assert spec["schemaVersion"] == "2.1.0"
    assert "kubernetes" in platform["platforms"]
    assert server[1].runs == []


def test_a_second_upload_makes_a_new_version_of_it(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    send(ONLY_UPLOAD)
    (line,) = send(ONLY_UPLOAD)
    assert line.startswith("uploaded fashion-mnist-2")
    assert [version["pipeline_version_id"] for version in server[1].pipelines["fashion-mnist"]] == [
        "version-2",
        "version-1",
    ]


def test_uploads_within_a_second_have_names_of_their_own(
    server: tuple[str, State], send: Callable[..., list[str]]
) -> None:
    for _ in range(4):
        send(ONLY_UPLOAD)
    names = [version["display_name"] for version in server[1].pipelines["fashion-mnist"]]
    assert len(set(names)) == 4
    assert names == sorted(names, reverse=True)
    assert all(re.fullmatch(r"fashion-mnist(-\d{8}-\d{6}-\d{6})?", name) for name in names)


def test_a_run_is_of_the_uploaded_version_with_its_parameters(
    server: tuple[str, State], send: Callable[..., list[str]]
) -> None:
    send(ONLY_UPLOAD)
    lines = send(EVERYTHING)
    (run,) = server[1].runs
    assert run["pipeline_version_reference"] == {"pipeline_id": "id-fashion-mnist", "pipeline_version_id": "version-2"}
    assert run["runtime_config"] == {"parameters": {"epochs": 3}}
    assert run["service_account"] == "trainers"
    assert server[1].experiments[0]["display_name"] == "trials"
    assert lines[1:] == [f"started {server[0]}/#/runs/details/run-1", f"succeeded {server[0]}/#/runs/details/run-1"]


def test_a_run_without_an_upload_brings_both_documents_and_leaves_caching_to_each_step(
    server: tuple[str, State], send: Callable[..., list[str]]
) -> None:
    send(ONLY_RUN)
    (run,) = server[1].runs
    assert set(run["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    tasks = run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    assert tasks["trainer"]["cachingOptions"] == {"enableCache": True}
    assert tasks["baseline-locator"].get("cachingOptions", {}) == {}


def test_an_experiment_is_made_once(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    send(ONLY_RUN)
    send(ONLY_RUN)
    assert [experiment["display_name"] for experiment in server[1].experiments] == ["Default"]


def test_a_server_that_stumbles_is_asked_again(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    server[1].progress = [{"state": "RUNNING"}, {"state": "SUCCEEDED"}]
    original = Server.run

    def stumble(self: Server, run_id: str) -> Any:
        server[1].failures = [503]
        Server.run = original
        return original(self, run_id)

    Server.run = stumble
    assert send(EVERYTHING)[-1].startswith("succeeded")


def test_a_server_that_goes_away_is_reported_in_the_end(
    server: tuple[str, State], send: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def go(self: Server, run_id: str) -> Any:
        raise UserError("gone")

    monkeypatch.setattr(Server, "run", go)
    with pytest.raises(UserError, match=r"^gone$"):
        send(EVERYTHING)


def test_a_token_is_sent(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    server[1].token = "right"
    assert send(ONLY_UPLOAD, token="right")


def test_a_bad_token_is_one_line_at_once(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    server[1].token = "right"
    with pytest.raises(UserError) as error:
        send(ONLY_UPLOAD, token="wrong")
    assert str(error.value) == (
        f"{server[0]}: cannot connect: 401 Unauthenticated; give a valid token with --token or KFP_TOKEN"
    )
    assert server[1].requests == ["GET /apis/v2beta1/healthz"]


def test_a_pods_own_token_is_sent_where_a_host_is_given(
    server: tuple[str, State], send: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("projected")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    server[1].token = "projected"
    assert send(ONLY_UPLOAD)


def test_a_rejected_package_is_one_line_with_the_servers_words(
    server: tuple[str, State], write_package: Callable[..., Path], tmp_path: Path
) -> None:
    spec, platform = yaml.safe_load_all(write_package().read_text())
    spec["pipelineInfo"]["description"] = "reject"
    package = tmp_path / "pipeline.yaml"
    package.write_text(yaml.safe_dump_all([spec, platform]))
    with pytest.raises(UserError) as error:
        submit(package, spec, Connection(server[0]), ONLY_UPLOAD, print)
    assert str(error.value) == (
        f"{server[0]}: cannot upload the package: 400 Failed to create a pipeline: InvalidInputError: "
        "unsupported schema version"
    )


def test_a_run_that_the_server_refuses_is_one_line(server: tuple[str, State], send: Callable[..., list[str]]) -> None:
    request = Request(**{**ONLY_RUN.__dict__, "arguments": {"data_version": "refused"}})
    with pytest.raises(UserError, match="cannot start the run: 400 Failed to create a new run: InvalidInputError"):
        send(request)


def test_a_login_page_in_place_of_the_api_is_one_line(
    server: tuple[str, State], send: Callable[..., list[str]]
) -> None:
    server[1].login_page = True
    with pytest.raises(UserError, match=r"answers, but not as Kubeflow's API does, perhaps with a login page"):
        send(ONLY_UPLOAD)


def test_a_certificate_that_is_not_there_is_one_line(send: Callable[..., list[str]]) -> None:
    with pytest.raises(UserError, match=r"^KFP_CA_CERT=none\.pem: no such file, expected one with certificates"):
        send(ONLY_UPLOAD, ca_cert="none.pem")


def test_a_page_in_place_of_the_servers_address_is_one_line(send: Callable[..., list[str]], server: Any) -> None:
    with pytest.raises(UserError, match=r"404 .*check --host"):
        send(ONLY_UPLOAD, host=f"{server[0]}/somewhere")


def test_a_host_that_does_not_answer_is_one_line(send: Callable[..., list[str]]) -> None:
    with held_ports(0) as (port,):
        host = f"http://127.0.0.1:{port}"
        with pytest.raises(UserError) as error:
            send(ONLY_UPLOAD, host=host)
    assert str(error.value) == (
        f"{host}: does not answer (Connection refused); check --host, and that a port-forward to it still runs"
    )


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("http://localhost:eighty", "--host http://localhost:eighty: .*expected an address such as"),
        ("http://", "--host http://: names no host"),
        ("http://no.such.host.invalid", r"http://no\.such\.host\.invalid: does not answer"),
        ("", "no Kubeflow is known here; give its address with --host"),
    ],
)
def test_an_address_that_is_none_is_one_line(host: str, message: str, send: Callable[..., list[str]]) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        send(ONLY_UPLOAD, host=host)


def test_the_address_can_come_from_the_environment(
    server: tuple[str, State], send: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server[0])
    assert send(ONLY_UPLOAD, host="")


def test_nothing_but_the_lines_is_said(send: Callable[..., list[str]], capfd: pytest.CaptureFixture[str]) -> None:
    send(EVERYTHING)
    assert capfd.readouterr() == ("", "")
