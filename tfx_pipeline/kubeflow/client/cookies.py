"""The cookies of a browser that has logged in, for a Kubeflow behind Dex or another OpenID Connect proxy."""

import os
import re
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tfx_pipeline.kubeflow.client.proxy import with_scheme
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded, require_visible
from tfx_pipeline.process.redaction import hide

VARIABLE: Final = "KFP_COOKIES"
_FORMS: Final = "a cookie jar in Netscape's format, or NAME=VALUE; NAME=VALUE"
_PAIR: Final = re.compile(r"(?P<name>[!#$%&'*+.^_`|~\w-]+)=(?P<value>[ -:<-~]*)", re.ASCII)
_HTTP_ONLY: Final = "#HttpOnly_"
_FIELDS: Final = 7


class _Cookie(NamedTuple):
    domain: str
    with_subdomains: bool
    path: str
    secure: bool
    expires: int
    name: str
    value: str


def read_cookies(file: str, address: str) -> str:
    """Reads the cookies for a server.

    Args:
        file: A cookie jar in Netscape's format, as browsers' extensions and ``curl --cookie-jar`` write it, or a file
            with what a browser sends as ``Cookie``; "" for the variable ``KFP_COOKIES``. In place of a file, what a
            browser sends is taken too.
        address: The server's address, by which a jar's cookies are chosen; "" where it is not known.

    Returns:
        The header ``Cookie``, as ``kfp.Client`` takes it; "" without any.

    Raises:
        UserError: There is no such file, or it has no cookie for the server. The line has no cookie.
    """
    flag, given = ("--cookies", file) if file else (VARIABLE, os.environ.get(VARIABLE, ""))
    if not given:
        return ""
    text = _read(given, flag)
    if text is None:
        header, where = given, flag
    else:
        header, where = text, f"{flag} {given}"
    lines = [line for line in header.splitlines() if _is_data(line)]
    pairs = _of_jar(lines, address, where) or _of_header(lines, where)
    for _, secret in pairs:
        hide(secret)
    return "; ".join(map("=".join, pairs))


def _read(given: str, flag: str) -> str | None:
    """The file's text; None where there is no such file, and cookies themselves are given."""
    path = Path(expanded(given))
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if _PAIR.match(_without_name(given)):
            return None
        require_visible(path, flag)
        reason = getattr(error, "strerror", None) or "not a text"
        # The variable may hold a cookie that is misspelt.
        raise UserError(f"{flag}{f' {given}' if flag != VARIABLE else ''}: {reason}; expected {_FORMS}") from error


def _is_data(line: str) -> bool:
    return bool(line.strip()) and (not line.startswith("#") or line.startswith(_HTTP_ONLY))


def _without_name(header: str) -> str:
    return re.sub(r"^\s*cookie:\s*", "", header, flags=re.IGNORECASE).strip()


def _of_header(lines: Sequence[str], where: str) -> list[tuple[str, str]]:
    pairs = [part.strip() for line in lines for part in _without_name(line).split(";") if part.strip()]
    matches = [_PAIR.fullmatch(pair) for pair in pairs]
    if not matches or None in matches:
        raise UserError(f"{where}: has no cookies that can be read; expected {_FORMS}")
    return [(match["name"], match["value"]) for match in matches if match]


def _of_jar(lines: Sequence[str], address: str, where: str) -> list[tuple[str, str]]:
    """The cookies of a jar for a server; none where the lines are no jar."""
    cookies = [cookie for line in lines for cookie in _parse(line)]
    if not cookies:
        return []
    if not address:
        raise UserError(f"{where}: give --host too, which tells the cookies for it from others")
    try:
        url = urllib.parse.urlsplit(with_scheme(address))
    except ValueError as error:
        raise UserError(f"--host {address}: {error}") from error
    suited = [cookie for cookie in cookies if _suits(cookie, url)]
    if not suited:
        domains = ", ".join(sorted({cookie.domain for cookie in cookies}))
        raise UserError(f"{where}: has no cookie for {url.scheme}://{url.netloc}{url.path}, only for {domains}")
    fresh = [cookie for cookie in suited if cookie.expires == 0 or cookie.expires > time.time()]
    if not fresh:
        raise UserError(f"{where}: its cookies for {url.hostname} have expired; log in again and save them anew")
    # The narrower path first: RFC 6265, 5.4.
    return [(cookie.name, cookie.value) for cookie in sorted(fresh, key=lambda cookie: -len(cookie.path))]


def _parse(line: str) -> Iterator[_Cookie]:
    fields = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(fields) == _FIELDS and re.fullmatch(r"-?\d+(\.\d+)?", fields[4]):
        domain, subdomains, path, secure, expires, name, value = fields
        yes = ("TRUE", "true")
        yield _Cookie(domain, subdomains in yes, path, secure in yes, int(float(expires)), name, value.strip())


def _suits(cookie: _Cookie, url: urllib.parse.SplitResult) -> bool:
    """Whether a browser would send it to Kubeflow's API there: RFC 6265, 5.1.3 and 5.1.4."""
    host, domain = (url.hostname or "").lower(), cookie.domain.lstrip(".").lower()
    of_domain = host == domain or (cookie.with_subdomains and host.endswith(f".{domain}"))
    path = f"{url.path.rstrip('/')}/apis/"
    of_path = path.startswith(f"{cookie.path.rstrip('/')}/")
    return of_domain and of_path and (url.scheme == "https" or not cookie.secure)
