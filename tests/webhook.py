"""A webhook on loopback: keeps what is posted, and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """What was posted, and how to answer.

    Attributes:
        url: The address, with a secret path.
        posted: The JSON bodies.
        status: Of the answer.
        silence: Held while it does not answer.
    """

    def __init__(self) -> None:
        self.url = ""
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        self.silence = threading.Event()
        self.silence.set()


class _Handler(BaseHTTPRequestHandler):
    webhook: Webhook

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.webhook.posted.append({"path": self.path, **json.loads(body)})
        self.webhook.silence.wait(30)
        self.send_response(self.webhook.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Runs a webhook."""
    state = Webhook()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"webhook": state}))
    state.url = f"http://127.0.0.1:{server.server_port}/hooks/T0SECRET"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        state.silence.set()
        server.shutdown()
        server.server_close()
        thread.join()
