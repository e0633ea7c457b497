"""ML Metadata as Kubeflow's page reaches it: by gRPC-web (grpc/grpc, doc/PROTOCOL-WEB.md)."""

import re
from typing import Any, Final

import urllib3
from ml_metadata.proto import metadata_store_service_pb2 as service

from tfx_pipeline.kubeflow.client.page import Page

_KIND: Final = "application/grpc-web+proto"
_HEADERS: Final = {"Content-Type": _KIND, "Accept": _KIND, "X-Grpc-Web": "1"}
_TRAILERS: Final = 0x80  # the flag of a frame that holds the status and no message
_HEAD: Final = 5  # bytes of a frame before its content: the flag, and the length
_STATUS: Final = re.compile(rb"grpc-status:\s*(\d+)", re.IGNORECASE)


class Metadata:
    """Calls methods of ML Metadata's service, as ``tfx_pipeline.kubeflow.run_metadata.Call`` has it."""

    def __init__(self, page: Page) -> None:
        """Makes a client for the ML Metadata behind a page."""
        self._page = page

    def __call__(self, method: str, request: Any) -> Any:
        """Calls a method.

        Raises:
            UserError: The page does not reach it, or it refuses.
        """
        path = f"/ml_metadata.MetadataStoreService/{method}"
        message = request.SerializeToString()
        framed = b"\0" + len(message).to_bytes(_HEAD - 1, "big") + message
        content = self._page.ask("ask ML Metadata", path, _message, headers=_HEADERS, body=framed)
        return getattr(service, f"{method}Response").FromString(content)


def _message(answer: urllib3.HTTPResponse) -> bytes:
    """Reads an answer.

    Raises:
        ValueError: It is another one than ML Metadata's, is cut off, or says that something is wrong.
    """
    if "grpc-web" not in answer.headers.get("Content-Type", ""):
        raise ValueError("the address has no ML Metadata behind it")
    content = answer.data
    message, trailers = _unframed(content)
    status = answer.headers.get("grpc-status") or next(iter(_STATUS.findall(trailers)), b"").decode()
    # A proxy may leave the trailers out, as the page lets it.
    if not content or status not in ("", "0"):
        raise ValueError(f"it answers with the gRPC status {status or 'none'}")
    return message


def _unframed(content: bytes) -> tuple[bytes, bytes]:
    parts = {False: b"", True: b""}
    while content:
        end = _HEAD + int.from_bytes(content[1:_HEAD], "big")
        if len(content) < end:
            raise ValueError("its answer is cut off")
        parts[bool(content[0] & _TRAILERS)] += content[_HEAD:end]
        content = content[end:]
    return parts[False], parts[True]
