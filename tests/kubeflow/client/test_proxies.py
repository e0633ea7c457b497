"""Kubeflow behind a proxy that asks to log in, and through a forward proxy: real servers, kfp's own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.proxies import forward_proxy, log_in_proxy, make_certificate
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.proxy import proxy_for
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError
from tools.ports import held_ports

COOKIE = "authservice_session=MTcwMDAwMDAwMA"


@pytest.fixture
def server() -> Iterator[tuple[str, State]]:
    with api_server() as running:
        running[1].progress = [{"state": "RUNNING"}]
        yield running


def test_cookies_let_through_to_a_server_behind_a_log_in(server: tuple[str, State]) -> None:
    with log_in_proxy(server[0], COOKIE) as (host, _):
        assert Server(Connection(host, cookies=f"a=b; {COOKIE}")).run("run-1").state == "RUNNING"


@pytest.mark.parametrize(
    ("log_in", "place"),
    [
        ("/dex/auth?client_id=x&state=topsecret", "{host}/dex/auth"),
        ("http://nowhere.invalid/oauth2/start?rd=%2Fapis%2F", "http://nowhere.invalid/oauth2/start"),
        ("https://user:topsecret@id.example.org/#topsecret", "https://user:[redacted]@id.example.org/"),
    ],
)
@pytest.mark.parametrize("cookies", ["", "authservice_session=topsecret"])
def test_a_redirect_to_a_log_in_is_said_and_not_followed(
    server: tuple[str, State], log_in: str, place: str, cookies: str
) -> None:
    with log_in_proxy(server[0], COOKIE, log_in=log_in) as (host, seen):
        with pytest.raises(UserError) as error:
            Server(Connection(host, cookies=cookies))
        assert str(error.value) == (
            f"{host}: cannot connect: it asks to log in at {place.format(host=host)}; give the cookies of a browser "
            "that has logged in with --cookies, or a token with --token; if you gave them, they have expired or are "
            "for another server"
        )
        assert seen == ["/apis/v2beta1/healthz"]


def test_a_log_in_that_ends_in_between_is_said_too(server: tuple[str, State]) -> None:
    with log_in_proxy(server[0], COOKIE) as (host, seen):
        connected = Server(Connection(host, cookies=COOKIE))
        connected.client._run_api.api_client.cookie = "authservice_session=old"
        with pytest.raises(UserError, match=r"cannot read the run run-1: it asks to log in at"):
            connected.run("run-1")
        with pytest.raises(UserError, match=r"cannot read the run: it asks to log in at"):
            connected.pods("run-1")
    assert seen[-2:] == ["/apis/v2beta1/runs/run-1", "/apis/v1beta1/runs/run-1"]


def test_a_login_page_in_place_of_a_later_answer_is_none(server: tuple[str, State]) -> None:
    connected = Server(Connection(server[0]))
    server[1].login_page = True
    with pytest.raises(UserError, match=r"answers, but not as Kubeflow's API does, perhaps with a login page"):
        connected.run("run-1")


def test_a_redirect_to_the_api_elsewhere_names_its_address(server: tuple[str, State]) -> None:
    elsewhere = "https://kubeflow.example.org/pipeline/apis/v2beta1/healthz"
    with log_in_proxy(server[0], COOKIE, log_in=elsewhere) as (host, _), pytest.raises(UserError) as error:
        Server(Connection(host))
    assert str(error.value) == (
        f"{host}: cannot connect: it is at another address; give --host https://kubeflow.example.org/pipeline"
    )


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_http_goes_through_the_proxy(server: tuple[str, State], variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with forward_proxy() as (proxy, seen):
        monkeypatch.setenv(variable, f"http://{proxy}")
        host = server[0]
        assert Server(Connection(host)).run("run-1").state == "RUNNING"
        assert [request for request in seen if request != f"GET {host}/apis/v2beta1/healthz"] == [
            f"GET {host}/apis/v2beta1/runs/run-1"
        ]


def test_a_name_that_only_the_proxy_knows_is_left_to_it(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    with forward_proxy(hosts={"kubeflow.invalid": server[0].removeprefix("http://")}) as (proxy, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy}")
        assert Server(Connection("http://kubeflow.invalid")).run("run-1").state == "RUNNING"


def test_https_goes_through_a_tunnel_of_the_proxy(
    server: tuple[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with (
        forward_proxy() as (proxy, seen),
        log_in_proxy(server[0], COOKIE, certificate=certificate) as (host, paths),
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        connected = Server(Connection(host, ca_cert=str(certificate), cookies=COOKIE))
        assert connected.run("run-1").state == "RUNNING"
    assert {*seen} == {f"CONNECT {host.removeprefix('https://')}"}
    assert paths[-1] == "/apis/v2beta1/runs/run-1"


def test_a_proxy_is_given_its_log_in(server: tuple[str, State], monkeypatch: pytest.MonkeyPatch) -> None:
    with forward_proxy("Basic dXNlcjpwQHNz") as (proxy, _):
        monkeypatch.setenv("HTTP_PROXY", f"http://user:p%40ss@{proxy}")
        assert Server(Connection(server[0])).run("run-1")


def test_a_proxy_that_wants_a_log_in_is_one_line(
    server: tuple[str, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with (
        forward_proxy("Basic dXNlcjpwQHNz") as (proxy, _),
        log_in_proxy(server[0], COOKIE, certificate=certificate) as (host, _),
    ):
        monkeypatch.setenv("HTTP_PROXY", f"http://user:topsecret@{proxy}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:topsecret@{proxy}")
        with pytest.raises(UserError, match=r"cannot connect: 407 .*; give the proxy's log-in with HTTP_PROXY"):
            Server(Connection(server[0]))
        with pytest.raises(UserError, match=r"^https.*: the proxy to it fails \(.*407.*\); check HTTP_P") as error:
            Server(Connection(host))
    assert "topsecret" not in str(error.value)


def test_a_proxy_that_does_not_answer_is_not_the_servers_fault(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_ports(0) as (port,):
        monkeypatch.setenv("HTTP_PROXY", f"http://user:topsecret@127.0.0.1:{port}")
        with pytest.raises(UserError) as error:
            Server(Connection(server[0]))
    assert str(error.value) == (
        f"{server[0]}: the proxy to it fails (Connection refused); check HTTP_PROXY and HTTPS_PROXY, or name the host "
        "in NO_PROXY"
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert Server(Connection(server[0])).run("run-1")


@pytest.mark.parametrize(
    ("no_proxy", "proxied"),
    [
        ("", True),
        ("*", False),
        ("kubeflow.example.org", False),
        ("example.org", False),
        (".example.org,localhost", False),
        ("localhost *.Example.org", False),
        ("kubeflow.example.org:8443", False),
        ("kubeflow.example.org:443", True),
        ("flow.example.org", True),
        ("10.0.0.0/8", True),
    ],
)
def test_no_proxy_names_hosts_domains_and_ports(
    no_proxy: str, *, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for("https://kubeflow.example.org:8443/pipeline") is not None) == proxied


def test_no_proxy_names_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,fd00::/8,192.168.1.5")
    addresses = ["http://10.1.2.3", "http://[fd00::1]:80", "http://192.168.1.5:9", "http://11.1.2.3"]
    assert [proxy_for(address) is None for address in addresses] == [True, True, True, False]
    assert proxy_for("https://10.1.2.3") is None
    found = proxy_for("http://11.1.2.3")
    assert found is not None
    assert (found.url, found.port) == ("http://proxy:80", 80)


def test_a_socks_proxy_for_all_else_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://proxy:1080")
    assert proxy_for("http://kubeflow.example.org") is None


@pytest.mark.parametrize("proxy", ["socks5://proxy:1080", "http://", "http://proxy:many", "http://[::1"])
def test_what_is_no_proxy_is_one_line(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(UserError, match=r"^HTTP_PROXY: .*expected an address such as http://proxy\.example\.org:3128"):
        proxy_for("http://kubeflow.example.org")
