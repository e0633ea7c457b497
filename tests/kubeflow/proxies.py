"""What may stand before Kubeflow, on loopback: a proxy that asks to log in, and a forward proxy."""

import http.client
import select
import socket
import ssl
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOG_IN = "/dex/auth?client_id=kubeflow&state=c3RhdGU"


class _Handler(BaseHTTPRequestHandler):
    """Passes requests on; `members` of a server are set on a class of its own."""

    seen: list[str]

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def pass_on(self, host: str, path: str) -> None:
        """Asks another server the same and gives back its answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there = http.client.HTTPConnection(host, timeout=30)
        headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
        there.request(self.command, path, body, headers)
        answer = there.getresponse()
        self.answer(answer.status, answer.read(), {"Content-Type": answer.headers["Content-Type"]})

    def answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.handle_request()

    def do_POST(self) -> None:
        self.handle_request()

    def handle_request(self) -> None:
        raise NotImplementedError


class _LogInProxy(_Handler):
    """Lets through who has the cookie; sends everybody else to the page where one logs in."""

    server_behind: str
    cookie: str
    log_in: str

    def handle_request(self) -> None:
        self.seen.append(self.path)
        if self.cookie not in self.headers.get("Cookie", "").split("; "):
            self.answer(302, b"<a href='/dex/auth'>Found</a>", {"Location": self.log_in})
            return
        self.pass_on(self.server_behind, self.path)


class _ForwardProxy(_Handler):
    """Takes absolute addresses for http, and CONNECT for https."""

    log_in: str
    hosts: dict[str, str]

    def handle_request(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        if self._is_refused():
            return
        url = urllib.parse.urlsplit(self.path)
        if not url.netloc:
            self.answer(400, b"not a request to a proxy")
            return
        self.pass_on(self.hosts.get(url.netloc, url.netloc), url._replace(scheme="", netloc="").geturl())

    def do_CONNECT(self) -> None:
        self.seen.append(f"CONNECT {self.path}")
        if self._is_refused():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 30) as there:
            self.send_response(200, "Connection established")
            self.end_headers()
            _tunnel(self.connection, there)
        self.close_connection = True

    def _is_refused(self) -> bool:
        refused = self.headers.get("Proxy-Authorization", "") != self.log_in
        if refused:
            self.answer(407, b"", {"Proxy-Authenticate": "Basic"})
        return refused


def _tunnel(here: socket.socket, there: socket.socket) -> None:
    """Passes bytes both ways until one side ends."""
    while True:
        for ready in select.select([here, there], [], [])[0]:
            content = ready.recv(65536)
            if not content:
                return
            (there if ready is here else here).sendall(content)


@contextmanager
def _serve(kind: type[_Handler], certificate: Path | None = None, **members: Any) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (kind,), members))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def log_in_proxy(
    address: str, cookie: str, *, log_in: str = LOG_IN, certificate: Path | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Stands before a server, with https where there is a certificate; gives its address and the paths asked for."""
    seen: list[str] = []
    members = {"server_behind": urllib.parse.urlsplit(address).netloc, "cookie": cookie, "log_in": log_in}
    with _serve(_LogInProxy, certificate, seen=seen, **members) as server:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}", seen


@contextmanager
def forward_proxy(log_in: str = "", hosts: dict[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Runs a forward proxy.

    Args:
        log_in: What it wants as `Proxy-Authorization`.
        hosts: Where servers are that only it knows, by their names.

    Yields:
        Its host and port, and the requests it got.
    """
    seen: list[str] = []
    with _serve(_ForwardProxy, seen=seen, log_in=log_in, hosts=hosts or {}) as server:
        yield f"127.0.0.1:{server.server_port}", seen


def make_certificate(folder: Path) -> Path:
    """Makes a certificate for loopback, with its key in the same file."""
    path = folder / "certificate.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", path, "-out", "-",
    ]  # fmt: skip
    certificate = subprocess.run(command, check=True, capture_output=True).stdout
    path.write_bytes(path.read_bytes() + certificate)
    return path
