"""Kubeflow's page, which answers what its API does not: it reaches ML Metadata and the object store."""

import os
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import kfp_server_api
import urllib3

from tfx_pipeline.kubeflow.client.pods import Pod
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError

T = TypeVar("T")

_PATIENCE: Final = (10, 60)  # seconds for a connection, and for what comes next of an answer
_NOTHING_THERE: Final = "No objects found"


class GoneError(UserError):
    """What was asked for is there no longer."""


class Page:
    """The page of an API server.

    It is at the server's address or above: where Kubeflow has several users, the API is below /pipeline, and ML
    Metadata is not.
    """

    def __init__(self, server: Server) -> None:
        """Makes a client for the page of a server, with the server's log-in."""
        self._server = server
        configured, host = os.environ.get("KF_PIPELINES_UI_ENDPOINT", ""), server.host
        url = urllib.parse.urlsplit(host)
        addresses = (configured, host, f"{url.scheme}://{url.netloc}")
        self._addresses = list(dict.fromkeys(address.rstrip("/") for address in addresses if address))

    def ask(
        self,
        action: str,
        path: str,
        parse: Callable[[urllib3.HTTPResponse], T],
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> T:
        """Asks each address in turn, until one gives what is understood.

        Args:
            action: What is tried, as in "cannot ...".
            path: Below the address.
            parse: Reads the answer; raises a ``ValueError`` or a ``UserError`` where it is something else.
            query: The query.
            headers: Further headers.
            body: What is posted; None for a GET.

        Returns:
            What was read.

        Raises:
            GoneError: The object store has nothing there.
            UserError: No address gives what is understood.
        """
        errors = []
        for address in self._addresses:
            try:
                with self._server.request(action):
                    return parse(self._open(address, path, query or {}, headers or {}, body))
            except GoneError:
                raise
            except UserError as error:
                errors.append(error)
        raise errors[0]

    def log(self, pod: Pod) -> str:
        """Reads the log of a pod, which the page takes from Kubernetes or from where Argo keeps it.

        Raises:
            UserError: The page cannot be reached, or has no log.
        """
        query = {"podname": pod.name, "podnamespace": pod.namespace}
        return self.ask("read the log", "/k8s/pod/logs", _text, query=query)

    def _open(
        self, address: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes | None
    ) -> urllib3.HTTPResponse:
        try:
            answer: urllib3.HTTPResponse = self._server.call(
                path,
                "GET" if body is None else "POST",
                query_params=list(query.items()),
                header_params=dict(headers),
                body=body,
                _request_timeout=_PATIENCE,
                _preload_content=False,
                _host=address,
            )
            return answer  # noqa: TRY300
        except kfp_server_api.ApiException as error:
            if _NOTHING_THERE in str(error.body):
                raise GoneError(_NOTHING_THERE) from error
            raise


def _text(answer: urllib3.HTTPResponse) -> str:
    text = str(answer.read().decode("utf-8", "replace"))
    if text.lstrip().lower().startswith(("<!doctype html", "<html")):
        raise ValueError("answers with a page")
    return text
