"""What goes wrong between the client and Kubeflow's API server, in one line each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import kfp_server_api
import urllib3

from tfx_pipeline.process.errors import UserError, flat

_ADVICE = {
    401: "give a valid token with --token or KFP_TOKEN",
    403: "this user may not do that there; check --namespace and --token",
    404: "check --host: it is the address of Kubeflow Pipelines, without a page's path",
}


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
        raise UserError(f"{host}: cannot {action}: {_reason(error, advice)}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UserError(unreachable(host, error)) from error
    except ValueError as error:  # kfp's own checks
        raise UserError(f"{host}: cannot {action}: {flat(error)}") from error


def unreachable(host: str, error: BaseException) -> str:
    """The line for a server that does not answer."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = getattr(error, "strerror", None) or flat(error)
    return f"{host}: does not answer ({reason}); check --host, and that a port-forward to it still runs"


def _reason(error: kfp_server_api.ApiException, advice: Mapping[int, str]) -> str:
    """The server's own words, without the stack of calls that it puts before them, and what to do."""
    status, words = error.status, _message(error)
    if not status:  # TLS
        return f"{words}; check --ca-cert"
    return "; ".join(part for part in (f"{status} {words}", (_ADVICE | dict(advice)).get(status, "")) if part)


def _message(error: kfp_server_api.ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body
    try:
        content = json.loads(body or "")
        words = content.get("message") or content.get("error_message") or content.get("error")
    except (ValueError, AttributeError):
        words = None
    return " ".join(str(words or error.reason or "no reason given").split())
