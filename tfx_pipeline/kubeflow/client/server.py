"""Kubeflow's API server: uploads a package, starts a run and reads its state, through kfp's own client."""

import contextlib
import dataclasses
import datetime
import io
import json
import os
import socket
import urllib.parse
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import kfp
import kfp_server_api
from kfp.client import set_volume_credentials

from tfx_pipeline.kubeflow.client.api_errors import api_errors_as_user_errors, unreachable
from tfx_pipeline.kubeflow.client.pods import Pod, pods
from tfx_pipeline.process.errors import UserError

_TOKEN_FILE: Final = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - where kfp's client looks for it in a pod
_EXAMPLE: Final = "an address such as http://localhost:8080"
_NO_RUN: Final = "no run there has this id; the address of a run's page ends with its id"
_NO_RETRY: Final = "this server cannot retry runs; start a new one with --run: what succeeded is cached"
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


@dataclasses.dataclass(frozen=True)
class Version:
    """One uploaded version of a pipeline."""

    pipeline_id: str
    version_id: str
    name: str


class _Client(kfp.Client):  # type: ignore[misc]
    """kfp's client, which asks for the server's health five times, with a log and a pause each."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> kfp_server_api.V2beta1GetHealthzResponse:  # noqa: ARG002
        answer, _, headers = self._healthz_api.healthz_service_get_healthz_with_http_info(
            _request_timeout=3 * _PATIENCE
        )
        if "json" not in headers.get("Content-Type", ""):
            raise UserError(
                f"{self._existing_config.host}: answers, but not as Kubeflow's API does, perhaps with a login page; "
                "give a token with --token, or the address of a port-forward with --host"
            )
        return answer


class Server:
    """The API server."""

    def __init__(self, connection: Connection) -> None:
        """Connects.

        Raises:
            UserError: It cannot be reached, or refuses.
        """
        self._namespace = connection.namespace or None
        self._host = connection.host or os.environ.get("KF_PIPELINES_ENDPOINT", "")
        self._check_address()
        with self._request("connect"):
            self._client = _Client(**_options(connection, self._host))
            self._host = self._host or self._client._existing_config.host  # noqa: SLF001 - kfp tells it nowhere else
            self._client.get_kfp_healthz()

    def upload(self, package: Path, name: str) -> Version:
        """Uploads a package as the first or a new version of the pipeline of a name.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        version = f"{name}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
        with self._request("upload the package"):
            pipeline_id = self._find_pipeline(name)
            if pipeline_id is None:
                uploaded = self._client.upload_pipeline(str(package), pipeline_name=name, namespace=self._namespace)
                return self._first_version(uploaded.pipeline_id)
            uploaded = self._client.upload_pipeline_version(str(package), version, pipeline_id=pipeline_id)
            return Version(pipeline_id, uploaded.pipeline_version_id, uploaded.display_name or version)

    def start(
        self,
        package: Path,
        version: Version | None,
        *,
        name: str,
        experiment: str,
        arguments: Mapping[str, Any],
        service_account: str | None,
    ) -> str:
        """Starts a run.

        Args:
            package: The file, which is sent along where no version was uploaded.
            version: The version to run.
            name: The run's name.
            experiment: The experiment that it belongs to; made where there is none of that name.
            arguments: Values of run parameters.
            service_account: Of the pods; the server's default without one.

        Returns:
            The run's id.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        with self._request("start the run"):
            group = self._client.create_experiment(experiment, namespace=self._namespace)
            source: dict[str, Any] = {"pipeline_package_path": str(package)}
            if version:
                source = {"pipeline_id": version.pipeline_id, "version_id": version.version_id}
            run = self._client.run_pipeline(
                group.experiment_id,
                name,
                params=dict(arguments),
                # Anything else than None would also set it for the steps that must not be cached.
                enable_caching=None,
                service_account=service_account,
                **source,
            )
        return str(run.run_id)

    def run(self, run_id: str) -> kfp_server_api.V2beta1Run:
        """Reads what the server knows of a run.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        with self._request(f"read the run {run_id}", {404: _NO_RUN}):
            return self._client.get_run(run_id)

    def steps(self, run: kfp_server_api.V2beta1Run) -> list[str]:
        """Reads the ids of a run's steps from its package.

        Raises:
            UserError: The server cannot be reached, or has the package no longer.
        """
        spec, reference = run.pipeline_spec, run.pipeline_version_reference
        with self._request("read the package of the run"):
            if reference:
                version = self._client.get_pipeline_version(reference.pipeline_id, reference.pipeline_version_id)
                spec = version.pipeline_spec
        return list((spec or {}).get("pipeline_spec", spec)["root"]["dag"]["tasks"])

    def retry(self, run_id: str) -> None:
        """Takes up a failed run.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        with self._request(f"retry the run {run_id}", dict.fromkeys((404, 405, 501), _NO_RETRY)):
            self._client._run_api.run_service_retry_run(run_id)  # noqa: SLF001 - kfp's client has no function for it

    def pods(self, run_id: str) -> dict[str, Pod]:
        """Reads the pod of each step, which only the API's older version tells.

        Args:
            run_id: The run.

        Returns:
            The pod by step; none where the server says nothing of them.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        answer = self._get(f"/apis/v1beta1/runs/{run_id}", "object")
        return pods(json.loads((answer.get("pipeline_runtime") or {}).get("workflow_manifest") or '{"status": {}}'))

    def log(self, run_id: str, pod: Pod) -> str:
        """Reads the log of a step, from its pod or from where Argo keeps it.

        Args:
            run_id: The run.
            pod: The step's pod.

        Returns:
            The log.

        Raises:
            UserError: The server cannot be reached, or has no log.
        """
        return str(self._get(f"/apis/v1beta1/runs/{run_id}/nodes/{pod.name}/log", "str"))

    def _get(self, path: str, kind: str) -> Any:
        """Asks for what kfp's client has no function for."""
        with self._request("read the run"):
            call = self._client._run_api.api_client.call_api  # noqa: SLF001 - the client that has the log-in
            options = {"auth_settings": ["Bearer"], "_return_http_data_only": True}
            return call(path, "GET", response_type=kind, **options)

    def run_url(self, run_id: str) -> str:
        """The run's page."""
        base = os.environ.get("KF_PIPELINES_UI_ENDPOINT") or self._host
        return f"{base.rstrip('/')}/#/runs/details/{run_id}"

    def _find_pipeline(self, name: str) -> str | None:
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        query = json.dumps({"predicates": [predicate]})
        found = self._client.list_pipelines(filter=query, namespace=self._namespace).pipelines or []
        return str(found[0].pipeline_id) if found else None

    def _first_version(self, pipeline_id: str) -> Version:
        versions = self._client.list_pipeline_versions(pipeline_id, page_size=1, sort_by="created_at desc")
        version = versions.pipeline_versions[0]
        return Version(pipeline_id, version.pipeline_version_id, version.display_name)

    @contextlib.contextmanager
    def _request(self, action: str, advice: Mapping[int, str] | None = None) -> Iterator[None]:
        # kfp prints links and warns of old servers; what a person needs is said elsewhere.
        quiet = contextlib.redirect_stdout(io.StringIO())
        host = self._host or "Kubeflow"
        with api_errors_as_user_errors(host, action, advice or {}), quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def _check_address(self) -> None:
        """Fails in seconds where nobody answers: kfp's client has no time limit of its own."""
        if not self._host:
            _check_surroundings()
            return
        address = urllib.parse.urlsplit(self._host if "://" in self._host else f"https://{self._host}")
        try:
            port = address.port or (80 if address.scheme == "http" else 443)
        except ValueError as error:
            raise UserError(f"--host {self._host}: {error}; expected {_EXAMPLE}") from error
        if not address.hostname:
            raise UserError(f"--host {self._host}: names no host, expected {_EXAMPLE}")
        try:
            socket.create_connection((address.hostname, port), _PATIENCE).close()
        except OSError as error:
            raise UserError(unreachable(self._host, error)) from error


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
