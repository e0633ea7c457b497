"""How Kubeflow's API server is reached: address, log-in and certificates for kfp's own client."""

import dataclasses
import os
import socket
import urllib.parse
from pathlib import Path
from typing import Any, Final

import kfp
import kfp_server_api
import urllib3
from kfp.client import set_volume_credentials

from tfx_pipeline.kubeflow.client.api_errors import proxy_fails, unreachable
from tfx_pipeline.kubeflow.client.proxy import port_of, proxy_for, with_scheme
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded, require_visible

CA_VARIABLE: Final = "KFP_CA_CERT"
"""Names the file with the certificate of the authority behind the server's."""

_TOKEN_FILE: Final = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - where kfp's client looks for it in a pod
_EXAMPLE: Final = "an address such as http://localhost:8080"
_RETRIES: Final = 3  # urllib3's own
_PATIENCE: Final = 10  # seconds for a connection


@dataclasses.dataclass(frozen=True)
class Connection:
    """How the server is reached; what is empty is left to kfp's client.

    Attributes:
        host: Address of Kubeflow Pipelines; else KF_PIPELINES_ENDPOINT, the pod's own cluster, or the kubeconfig.
        namespace: The user's profile, where the deployment has several.
        token: Bearer token; else a pod's own.
        ca_cert: File with the certificate of the authority that the server's certificate comes from.
        cookies: The header ``Cookie``, as a browser that has logged in sends it.
    """

    host: str = ""
    namespace: str = ""
    token: str = dataclasses.field(default="", repr=False)
    ca_cert: str = ""
    cookies: str = dataclasses.field(default="", repr=False)


class Client(kfp.Client):  # type: ignore[misc]
    """kfp's client.

    It follows no redirect, which leads to a log-in, takes no page for an answer, goes through the environment's proxy,
    and does not ask for the server's health five times, with a log and a pause each.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        api_client = self._run_api.api_client
        ask = api_client.request

        def ask_api(*arguments: Any, **keywords: Any) -> Any:
            answer = ask(*arguments, **keywords)
            # An artifact, which is read as it comes, may be a page.
            is_read = keywords.get("_preload_content", True)
            if is_read and "text/html" in answer.getheaders().get("Content-Type", ""):
                raise UserError(self._no_api())
            return answer

        api_client.request = ask_api

    def _load_config(self, *arguments: Any) -> kfp_server_api.Configuration:
        config = super()._load_config(*arguments)
        config.retries = urllib3.Retry(_RETRIES, redirect=False)
        # A kubeconfig may have named one.
        if not config.proxy and (proxy := proxy_for(config.host)):
            config.proxy, config.proxy_headers = proxy.url, proxy.headers
        return config

    def get_kfp_healthz(self, sleep_duration: int = 0) -> kfp_server_api.V2beta1GetHealthzResponse:  # noqa: ARG002
        """Asks once.

        Raises:
            UserError: Something else than Kubeflow's API answers.
        """
        answer, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(
            _request_timeout=3 * _PATIENCE
        )
        if "json" not in headers.get("Content-Type", ""):
            raise UserError(self._no_api())
        return answer

    def _no_api(self) -> str:
        return (
            f"{self._existing_config.host}: answers, but not as Kubeflow's API does, perhaps with a login page; "
            "give a token with --token, cookies with --cookies, or the address of a port-forward with --host"
        )


def connect(connection: Connection) -> Client:
    """Makes a client for the server.

    Raises:
        UserError: Its address is none, or nobody answers there.
    """
    host = address(connection.host)
    _check_address(host)
    return Client(**_options(connection, host))


def address(host: str) -> str:
    """The server's address, as it was given or from the environment; "" where kfp's client is to find it."""
    return host or os.environ.get("KF_PIPELINES_ENDPOINT", "")


def _check_address(host: str) -> None:
    """Fails in seconds where nobody answers: kfp's client has no time limit of its own."""
    if not host:
        _check_surroundings()
        return
    url = urllib.parse.urlsplit(with_scheme(host))
    try:
        port = port_of(url)
    except ValueError as error:
        raise UserError(f"--host {host}: {error}; expected {_EXAMPLE}") from error
    if not url.hostname:
        raise UserError(f"--host {host}: names no host, expected {_EXAMPLE}")
    proxy = proxy_for(url.geturl())
    try:
        socket.create_connection((proxy.host, proxy.port) if proxy else (url.hostname, port), _PATIENCE).close()
    except OSError as error:
        raise UserError(proxy_fails(host, error) if proxy else unreachable(host, error)) from error


def _options(connection: Connection, host: str) -> dict[str, Any]:
    ca_cert = expanded(connection.ca_cert)
    if ca_cert and not Path(ca_cert).is_file():
        require_visible(ca_cert, CA_VARIABLE)
        raise UserError(f"{CA_VARIABLE}={ca_cert}: no such file, expected one with certificates (PEM)")
    options: dict[str, Any] = {"host": host or None, "ssl_ca_cert": ca_cert or None}
    if connection.namespace:
        options["namespace"] = connection.namespace
    if connection.cookies:
        options["cookies"] = connection.cookies
    if connection.token:
        options["existing_token"] = connection.token
    elif host and Path(os.environ.get("KF_PIPELINES_SA_TOKEN_PATH", _TOKEN_FILE)).is_file():
        # kfp takes a pod's own token by itself only where no host is given.
        options["credentials"] = set_volume_credentials.ServiceAccountTokenVolumeCredentials()
    return options


def _check_surroundings() -> None:
    """Refuses to go on where kfp's client would guess that the server is localhost."""
    kubeconfig = os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config"
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ
    if not in_cluster and not any(Path(part).is_file() for part in str(kubeconfig).split(os.pathsep)):
        raise UserError(
            "no Kubeflow is known here; give its address with --host or KF_PIPELINES_ENDPOINT, such as "
            "http://localhost:8080 after kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80"
        )
