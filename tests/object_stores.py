"""Object stores on loopback, S3 and Google's, as fixtures: a bucket of its own for each test."""

import json
from collections.abc import Iterator

import boto3
import pytest
from fsspec.asyn import sync
from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer

from tfx_pipeline.process.object_store import filesystem
from tools.ports import held_ports

BUCKET = "models"
REGION = "us-east-1"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.client]:
    """The store, reached by its own client; the environment names it as minio://."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINIO_ENDPOINT", endpoint)
    monkeypatch.setenv("MINIO_ACCESS_KEY", "access")
    monkeypatch.setenv("MINIO_SECRET_KEY", "secret")
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="access", aws_secret_access_key="secret", region_name=REGION
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", []):
            client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def keys(s3: boto3.client) -> "Keys":
    return Keys(s3)


class Keys:
    """What lies in the bucket."""

    def __init__(self, client: boto3.client) -> None:
        self._client = client

    def __call__(self) -> list[str]:
        return sorted(item["Key"] for item in self._client.list_objects_v2(Bucket=BUCKET).get("Contents", []))


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Google Cloud Storage on loopback; gives a bucket."""
    with held_ports(0) as (port,):
        server = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
        server.start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        yield f"gs://{BUCKET}"
        server.stop()


def mark_folder(gcs: str, key: str) -> None:
    """Writes an object of no bytes whose name ends in a slash into a bucket of Google's, whose client writes none."""
    store, bucket = filesystem(gcs)
    parts = {"application/json": json.dumps({"name": key}), "application/octet-stream": ""}
    body = "".join(f"--part\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts.items())
    sync(
        store.loop, store._call, "POST", f"{store._location}/upload/storage/v1/b/{bucket}/o", uploadType="multipart",
        data=f"{body}--part--\r\n".encode(), headers={"Content-Type": "multipart/related; boundary=part"},
    )  # fmt: skip
