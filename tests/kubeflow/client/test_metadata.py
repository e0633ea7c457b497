"""ML Metadata's answers by gRPC-web: whole ones are read, all others are one line."""

from collections.abc import Iterator
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_service_pb2 as service

from tests.kubeflow.api_server import State, api_server
from tests.kubeflow.page import GRPC_WEB
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.metadata import Metadata
from tfx_pipeline.kubeflow.client.page import Page
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError

RESPONSE = service.GetContextByTypeAndNameResponse()
RESPONSE.context.id = 7
MESSAGE = RESPONSE.SerializeToString()
FRAME = b"\0" + len(MESSAGE).to_bytes(4, "big") + MESSAGE
END = b"grpc-status:0\r\n"
TRAILERS = b"\x80" + len(END).to_bytes(4, "big") + END


class Says:
    """A page that gives one answer."""

    def __init__(self, content: bytes, kind: str) -> None:
        self._answer = content, kind

    def answer(self, path: str, *_: Any) -> tuple[int, bytes, str] | None:
        return (200, *self._answer) if path.startswith("/ml_metadata") else None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.delenv("KF_PIPELINES_UI_ENDPOINT", raising=False)
    with api_server() as running:
        yield running


def ask(server: tuple[str, State], content: bytes, kind: str = GRPC_WEB) -> int:
    server[1].page = Says(content, kind)  # type: ignore[assignment]
    request = service.GetContextByTypeAndNameRequest(type_name="system.PipelineRun", context_name="x")
    return Metadata(Page(Server(Connection(server[0]))))("GetContextByTypeAndName", request).context.id


@pytest.mark.parametrize(("content", "context"), [(FRAME + TRAILERS, 7), (FRAME, 7), (TRAILERS, 0)])
def test_a_whole_answer_is_read(content: bytes, context: int, server: tuple[str, State]) -> None:
    assert ask(server, content) == context


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", GRPC_WEB, "it answers with the gRPC status none"),
        (FRAME[:-1], GRPC_WEB, "its answer is cut off"),
        (b"\x80\0\0\0\x0fgrpc-status:14\r", GRPC_WEB, "it answers with the gRPC status 14"),
        (b"<html>Log in</html>", "text/html", "the address has no ML Metadata behind it"),
        (b"{}", "application/json", "the address has no ML Metadata behind it"),
    ],
)
def test_another_answer_is_one_line(content: bytes, kind: str, reason: str, server: tuple[str, State]) -> None:
    with pytest.raises(UserError, match=f"^{server[0]}: cannot ask ML Metadata: {reason}$"):
        ask(server, content, kind)
