"""Addresses, and the forward proxy that the environment names for one: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY."""

import ipaddress
import urllib.parse
import urllib.request
from typing import NamedTuple

import urllib3

from tfx_pipeline.process.errors import UserError


class Proxy(NamedTuple):
    """A proxy.

    Attributes:
        url: Its address, without its user and password.
        headers: What it is to be sent: the log-in, where its address has one.
        host: Its name or number.
        port: Its port.
    """

    url: str
    headers: dict[str, str]
    host: str
    port: int


def with_scheme(address: str, scheme: str = "https") -> str:
    """An address as a URL: kfp's client takes one without a scheme for https."""
    return address if "://" in address else f"{scheme}://{address}"


def port_of(url: urllib.parse.SplitResult) -> int:
    """The port of a URL of http or https.

    Raises:
        ValueError: It names one that is no port.
    """
    return url.port or (80 if url.scheme == "http" else 443)


def proxy_for(address: str) -> Proxy | None:
    """Finds the proxy for an address.

    Args:
        address: Of a server, as a URL.

    Returns:
        The proxy; None where the server is reached directly.

    Raises:
        UserError: The variable does not name an HTTP proxy.
    """
    # In lower case or upper case; the first wins.
    named = urllib.request.getproxies_environment()
    url = urllib.parse.urlsplit(address)
    variable = url.scheme if url.scheme in named else "all"
    text = named.get(variable, "")
    if variable == "all" and "://" in text and not text.startswith("http"):
        text = ""  # often a SOCKS proxy for other programs
    if not text or not url.hostname or _is_exempt(url, named.get("no", "")):
        return None
    return _parse(text, f"{variable.upper()}_PROXY")


def _parse(text: str, variable: str) -> Proxy:
    expected = "expected an address such as http://proxy.example.org:3128"
    try:
        url = urllib.parse.urlsplit(with_scheme(text, "http"))
        port = port_of(url)
    except ValueError as error:
        raise UserError(f"{variable}: {error}; {expected}") from error
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UserError(f"{variable}: names no HTTP proxy, {expected}")
    headers = {}
    if url.username:
        log_in = f"{urllib.parse.unquote(url.username)}:{urllib.parse.unquote(url.password or '')}"
        headers = dict(urllib3.make_headers(proxy_basic_auth=log_in))
    place = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return Proxy(f"{url.scheme}://{place}:{port}", headers, url.hostname, port)


def _is_exempt(url: urllib.parse.SplitResult, no_proxy: str) -> bool:
    """Whether NO_PROXY has the host, with its port or without, a domain above it, or a network that it is in."""
    host, port = (url.hostname or "").lower(), port_of(url)
    entries = [entry.lower() for entry in no_proxy.replace(",", " ").split()]
    return any(entry == "*" or _is_within(host, entry) or _is_below(host, port, entry) for entry in entries)


def _is_below(host: str, port: int, domain: str) -> bool:
    suffix = f".{domain.lstrip('*').lstrip('.')}"
    return f".{host}".endswith(suffix) or f".{host}:{port}".endswith(suffix)


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
