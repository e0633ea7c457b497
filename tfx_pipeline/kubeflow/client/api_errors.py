"""What goes wrong between the client and Kubeflow's API server, in one line each."""

import json
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import kfp_server_api
import urllib3

from tfx_pipeline.kubeflow.client.proxy import with_scheme
from tfx_pipeline.process.errors import UserError, causes, flat
from tfx_pipeline.process.redaction import redact

_ADVICE = {
    401: "give a valid token with --token or KFP_TOKEN",
    403: "this user may not do that there; check --namespace and --token",
    407: "give the proxy's log-in with HTTP_PROXY or HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT",
    404: "check --host: it is the address of Kubeflow Pipelines, without a page's path",
}
_REDIRECTS: Final = (301, 302, 303, 307, 308)


@contextmanager
def api_errors_as_user_errors(host: str, action: str, advice: Mapping[int, str]) -> Iterator[None]:
    """Turns what kfp's client raises into one line.

    Args:
        host: The server's address.
        action: What is tried, as in "cannot ...".
        advice: What to do, by the status of the answer, where it is not the same for all actions.

    Raises:
        UserError: The server cannot be reached, or refuses.
    """
    try:
        yield
    except kfp_server_api.ApiException as error:
        raise UserError(redact(f"{host}: cannot {action}: {_reason(host, error, advice)}")) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        of_proxy = any(isinstance(cause, urllib3.exceptions.ProxyError) for cause in causes(error))
        raise UserError(redact((proxy_fails if of_proxy else unreachable)(host, error))) from error
    except ValueError as error:  # kfp's own checks
        raise UserError(redact(f"{host}: cannot {action}: {flat(error)}")) from error


def unreachable(host: str, error: BaseException) -> str:
    """The line for a server that does not answer."""
    return f"{host}: does not answer ({_cause(error)}); check --host, and that a port-forward to it still runs"


def proxy_fails(host: str, error: BaseException) -> str:
    """The line for a proxy that does not answer, or lets nobody through to the server."""
    advice = "check HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY"
    return f"{host}: the proxy to it fails ({_cause(error)}); {advice}"


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "strerror", None) or flat(error)


def _reason(host: str, error: kfp_server_api.ApiException, advice: Mapping[int, str]) -> str:
    """The server's own words, without the stack of calls that it puts before them, and what to do."""
    status, words = error.status, _message(error)
    if not status:  # TLS
        return f"{words}; check the certificate that KFP_CA_CERT names"
    if status in _REDIRECTS and (place := (error.headers or {}).get("Location")):
        return _redirected(with_scheme(host), place)
    return "; ".join(part for part in (f"{status} {words}", (_ADVICE | dict(advice)).get(status, "")) if part)


def _redirected(host: str, place: str) -> str:
    """What a redirect means. Nobody follows it: what is there has its own errors, and takes no bearer token."""
    url = urllib.parse.urlsplit(urllib.parse.urljoin(host, place))
    base, api, _ = url.path.partition("/apis/")
    if api:
        return f"it is at another address; give --host {url._replace(path=base, query='', fragment='').geturl()}"
    log_in = url._replace(query="", fragment="").geturl()
    return (
        f"it asks to log in at {log_in}; give the cookies of a browser that has logged in with --cookies, or a token "
        "with --token; if you gave them, they have expired or are for another server"
    )


def _message(error: kfp_server_api.ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body
    try:
        content = json.loads(body or "")
        words = content.get("message") or content.get("error_message") or content.get("error")
    except (ValueError, AttributeError):
        words = None
    return " ".join(str(words or error.reason or "no reason given").split())
