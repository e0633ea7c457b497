"""Kubeflow's page on loopback, as far as it is more than the API: ML Metadata by gRPC-web, and artifacts.

Its answers are those of `frontend/server/handlers/artifacts.ts` and of Envoy's gRPC-web filter.
"""

import gzip
import io
import tarfile

from google.protobuf.message import Message
from ml_metadata.errors import NotFoundError
from ml_metadata.proto import metadata_store_service_pb2 as service

from tests.kubeflow.replay.metadata import Metadata, Service
from tests.kubeflow.replay.objects import ObjectStore

SCHEMES = {"minio": "minio", "s3": "s3", "gcs": "gs"}
GRPC_WEB = "application/grpc-web+proto"
Answer = tuple[int, bytes, str]


class Page:
    """What the page has behind it.

    Attributes:
        version: Of Kubeflow Pipelines: before 2.17 a directory cannot be had.
        store: Of SeaweedFS: 4.34, which 2.17.0 brings, answers GET of a folder's key with 200 and no bytes, so the page
            never comes to make its archive; since 4.38 it says NoSuchKey.
        lost: Files that are left out of an archive, as where it breaks off.
        queries: What was asked of artifacts.
    """

    def __init__(self, metadata: Metadata, store: ObjectStore, version: str = "2.17") -> None:
        self._service, self._store, self.version = Service(metadata._store), store, version
        self.lost, self.store = 0, (4, 34)
        self.queries: list[dict[str, str]] = []

    def answer(self, path: str, query: dict[str, str], body: bytes) -> Answer | None:
        """Answers; None for what is the API's."""
        if path.startswith("/ml_metadata.MetadataStoreService/"):
            return self._metadata(path.rpartition("/")[2], body)
        if path == "/artifacts/get":
            self.queries.append(query)
            return self._artifact(query)
        return None

    def _metadata(self, method: str, body: bytes) -> Answer:
        assert body[0] == 0
        assert int.from_bytes(body[1:5], "big") == len(body) - 5
        request: Message = getattr(service, f"{method}Request").FromString(body[5:])
        try:
            response = self._service.call(method, request).SerializeToString()
        except NotFoundError:
            return 200, _frame(0x80, b"grpc-status: 5\r\ngrpc-message: not found\r\n"), GRPC_WEB
        return 200, _frame(0, response) + _frame(0x80, b"grpc-status: 0\r\n"), GRPC_WEB

    def _artifact(self, query: dict[str, str]) -> Answer:
        uri = f"{SCHEMES[query['source']]}://{query['bucket']}/{query['key']}"
        path = self._store.path(uri)
        if path.is_file():
            return 200, path.read_bytes(), "text/html"
        files = sorted(file for file in path.rglob("*") if file.is_file())
        if self.version != "2.17":
            return 500, b"Failed to get object in bucket: S3Error: The specified key does not exist.", "text/html"
        if files and self.store < (4, 38):
            return 200, b"", "text/html"
        if not files:
            return 404, f"No objects found at {query['bucket']}/{query['key']}".encode(), "text/html"
        if query.get("peek"):
            name = path.name
            return (
                200,
                f'Directory artifact "{name}" — {len(files)} file(s). Download to view contents.\n'.encode(),
                "t",
            )
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for file in files[self.lost :]:
                archive.add(file, str(file.relative_to(path)))
        return 200, gzip.compress(buffer.getvalue()), "application/gzip"


def _frame(flag: int, content: bytes) -> bytes:
    return bytes([flag]) + len(content).to_bytes(4, "big") + content
