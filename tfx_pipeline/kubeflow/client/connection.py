"""How Kubeflow's API server is reached: address, log-in and certificates for kfp's own client."""

import dataclasses
import os
import socket
import urllib.parse
from pathlib import Path
from typing import Any, Final

import kfp
import kfp_server_api
from kfp.client import set_volume_credentials

from tfx_pipeline.kubeflow.client.api_errors import unreachable
from tfx_pipeline.process.errors import UserError

_TOKEN_FILE: Final = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - where kfp's client looks for it in a pod
_EXAMPLE: Final = "an address such as http://localhost:8080"
_PATIENCE: Final = 10  # seconds for a connection


@dataclasses.dataclass(frozen=True)
class Connection:
    """How the server is reached; what is empty is left to kfp's client.

    Attributes:
        host: Address of Kubeflow Pipelines; else KF_PIPELINES_ENDPOINT, the pod's own cluster, or the kubeconfig.
        namespace: The user's profile, where the deployment has several.
        token: Bearer token; else a pod's own.
        ca_cert: File with the certificate of the authority that the server's certificate comes from.
    """

    host: str = ""
    namespace: str = ""
    token: str = ""
    ca_cert: str = ""


class Client(kfp.Client):  # type: ignore[misc]
    """kfp's client, without its five questions after the server's health, with a log and a pause each."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> kfp_server_api.V2beta1GetHealthzResponse:  # noqa: ARG002
        """Asks once.

        Raises:
            UserError: Something else than Kubeflow's API answers.
        """
        answer, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(
            _request_timeout=3 * _PATIENCE
        )
        if "json" not in headers.get("Content-Type", ""):
            raise UserError(
                f"{self._existing_config.host}: answers, but not as Kubeflow's API does, perhaps with a login page; "
                "give a token with --token, or the address of a port-forward with --host"
            )
        return answer


def connect(connection: Connection) -> Client:
    """Makes a client for the server.

    Raises:
        UserError: Its address is none, or nobody answers there.
    """
    host = address(connection)
    _check_address(host)
    return Client(**_options(connection, host))


def address(connection: Connection) -> str:
    """The server's address, by the connection or the environment; "" where kfp's client is to find it."""
    return connection.host or os.environ.get("KF_PIPELINES_ENDPOINT", "")


def _check_address(host: str) -> None:
    """Fails in seconds where nobody answers: kfp's client has no time limit of its own."""
    if not host:
        _check_surroundings()
        return
    url = urllib.parse.urlsplit(host if "://" in host else f"https://{host}")
    try:
        port = url.port or (80 if url.scheme == "http" else 443)
    except ValueError as error:
        raise UserError(f"--host {host}: {error}; expected {_EXAMPLE}") from error
    if not url.hostname:
        raise UserError(f"--host {host}: names no host, expected {_EXAMPLE}")
    try:
        socket.create_connection((url.hostname, port), _PATIENCE).close()
    except OSError as error:
        raise UserError(unreachable(host, error)) from error


def _options(connection: Connection, host: str) -> dict[str, Any]:
    options: dict[str, Any] = {"host": host or None, "ssl_ca_cert": connection.ca_cert or None}
    if connection.namespace:
        options["namespace"] = connection.namespace
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
