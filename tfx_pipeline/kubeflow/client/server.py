"""Kubeflow's API server: uploads a package, starts a run and reads its state, through kfp's own client."""

import contextlib
import dataclasses
import datetime
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import kfp_server_api

from tfx_pipeline.kubeflow.client.api_errors import api_errors_as_user_errors
from tfx_pipeline.kubeflow.client.connection import Connection, address, connect
from tfx_pipeline.kubeflow.client.pods import Pod, pods
from tfx_pipeline.kubeflow.client.proxy import with_scheme
from tfx_pipeline.process.errors import UserError

_NO_RUN: Final = "no run there has this id; the address of a run's page ends with its id"
_NO_PACKAGE: Final = "the server has it no longer"
_NO_RETRY: Final = "this server cannot retry runs; start a new one with --run: what succeeded is cached"

_PAGE: Final = 20


def equals(key: str, value: str) -> str:
    """The API's filter for what has a value."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": key, "stringValue": value}]})


def _pipeline_name(spec: Mapping[str, Any] | None) -> str:
    """The name in a package that was sent along with a run; "" where none was."""
    content = (spec or {}).get("pipeline_spec", spec) or {}
    return str(content.get("pipelineInfo", {}).get("name", ""))


@dataclasses.dataclass(frozen=True)
class Version:
    """One uploaded version of a pipeline."""

    pipeline_id: str
    version_id: str
    name: str


class Server:
    """The API server.

    Attributes:
        client: kfp's client, to be used within ``request``.
        namespace: The user's profile; None where the deployment has one user, or kfp's client is to know it.
    """

    def __init__(self, connection: Connection) -> None:
        """Connects.

        Raises:
            UserError: It cannot be reached, or refuses.
        """
        self.namespace = connection.namespace or None
        self._host = address(connection.host)
        with self.request("connect"):
            self.client = connect(connection)
            self._host = self._host or self.client._existing_config.host  # noqa: SLF001 - kfp tells it nowhere else
        with self.request("connect"):
            self.client.get_kfp_healthz()

    def upload(self, package: Path, name: str) -> Version:
        """Uploads a package as the first or a new version of the pipeline of a name.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        version = f"{name}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S-%f}"
        with self.request("upload the package"):
            pipeline_id = self._find_pipeline(name)
            if pipeline_id is None:
                uploaded = self.client.upload_pipeline(str(package), pipeline_name=name, namespace=self.namespace)
                return self._first_version(uploaded.pipeline_id)
            uploaded = self.client.upload_pipeline_version(str(package), version, pipeline_id=pipeline_id)
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
        with self.request("start the run"):
            group = self.client.create_experiment(experiment, namespace=self.namespace)
            source: dict[str, Any] = {"pipeline_package_path": str(package)}
            if version:
                source = {"pipeline_id": version.pipeline_id, "version_id": version.version_id}
            run = self.client.run_pipeline(
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
        with self.request(f"read the run {run_id}", {404: _NO_RUN}):
            return self.client.get_run(run_id)

    @property
    def host(self) -> str:
        """The server's address."""
        return with_scheme(self._host)

    def latest_run(self, pipeline: str) -> str:
        """Finds the run of a pipeline that was started last.

        Args:
            pipeline: The pipeline's name.

        Returns:
            The run's id.

        Raises:
            UserError: There is none, the server cannot be reached, or refuses.
        """
        token = ""
        with self.request("list the runs"):
            pipeline_id = self._find_pipeline(pipeline)
            while True:
                answer = self.client.list_runs(
                    page_token=token, page_size=_PAGE, sort_by="created_at desc", namespace=self.namespace
                )
                for run in answer.runs or []:
                    reference, name = run.pipeline_version_reference, _pipeline_name(run.pipeline_spec)
                    if name == pipeline or (reference and reference.pipeline_id == pipeline_id):
                        return str(run.run_id)
                token = answer.next_page_token
                if not token:
                    raise UserError(f"{self._host}: has no run of the pipeline {pipeline}; start one with --run")

    def spec(self, run: kfp_server_api.V2beta1Run) -> dict[str, Any]:
        """Reads the pipeline spec of a run: the first document of its package.

        Raises:
            UserError: The server cannot be reached, or has the package no longer.
        """
        spec, reference = run.pipeline_spec, run.pipeline_version_reference
        with self.request("read the package of the run", {404: _NO_PACKAGE}):
            if reference:
                version = self.client.get_pipeline_version(reference.pipeline_id, reference.pipeline_version_id)
                spec = version.pipeline_spec
        if not spec:
            raise UserError(f"{self._host}: cannot read the package of the run: {_NO_PACKAGE}")
        return dict(spec.get("pipeline_spec", spec))

    def retry(self, run_id: str) -> None:
        """Takes up a failed run.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        with self.request(f"retry the run {run_id}", dict.fromkeys((404, 405, 501), _NO_RETRY)):
            self.client._run_api.run_service_retry_run(run_id)  # noqa: SLF001 - kfp's client has no function for it

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

        The API server alone has it there; Kubeflow's page does not pass this address on.

        Raises:
            UserError: The server cannot be reached, or has no log.
        """
        return str(self._get(f"/apis/v1alpha1/runs/{run_id}/nodes/{pod.name}/log", "str"))

    def _get(self, path: str, kind: str) -> Any:
        """Asks for what kfp's client has no function for."""
        with self.request("read the run"):
            return self.call(path, "GET", response_type=kind, _return_http_data_only=True)

    def call(self, path: str, method: str, **options: Any) -> Any:
        """Calls an address with the log-in of kfp's client, within ``request``; the options are those of its client."""
        client = self.client._run_api.api_client  # noqa: SLF001 - the client that has the log-in
        return client.call_api(path, method, auth_settings=["Bearer"], **options)

    def run_url(self, run_id: str) -> str:
        """The run's page."""
        base = os.environ.get("KF_PIPELINES_UI_ENDPOINT") or self._host
        return f"{base.rstrip('/')}/#/runs/details/{run_id}"

    def _find_pipeline(self, name: str) -> str | None:
        query = equals("display_name", name)
        found = self.client.list_pipelines(filter=query, namespace=self.namespace).pipelines or []
        return str(found[0].pipeline_id) if found else None

    def _first_version(self, pipeline_id: str) -> Version:
        versions = self.client.list_pipeline_versions(pipeline_id, page_size=1, sort_by="created_at desc")
        version = versions.pipeline_versions[0]
        return Version(pipeline_id, version.pipeline_version_id, version.display_name)

    @contextlib.contextmanager
    def request(self, action: str, advice: Mapping[int, str] | None = None) -> Iterator[None]:
        """Runs calls of kfp's client.

        Args:
            action: What they are to do, as in "cannot ...".
            advice: What a person can do, by the status of the server's answer.

        Raises:
            UserError: The server cannot be reached, or refuses.
        """
        # kfp prints links and warns of old servers; what a person needs is said elsewhere.
        quiet = contextlib.redirect_stdout(io.StringIO())
        host = self._host or "Kubeflow"
        with api_errors_as_user_errors(host, action, advice or {}), quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
