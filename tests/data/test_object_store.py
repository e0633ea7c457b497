"""IDX files in an object store: the same data, and errors that name the object."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
import s3fs

from tests.object_stores import BUCKET
from tfx_pipeline.data import idx, sources
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.object_store import filesystem

FOLDER = f"minio://{BUCKET}/data/fashion"


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """Uploads a folder to the bucket and gives its URL."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    s3fs.S3FileSystem.clear_instance_cache()  # of clients with another environment
    client = boto3.client("s3")
    client.create_bucket(Bucket="clothes")

    def upload(folder: Path) -> str:
        for path in folder.iterdir():
            client.upload_file(str(path), "clothes", f"data/{path.name}")
        return "s3://clothes/data"

    yield upload
    for item in client.list_objects_v2(Bucket="clothes").get("Contents", []):
        client.delete_object(Bucket="clothes", Key=item["Key"])
    client.delete_bucket(Bucket="clothes")
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_in_a_bucket_are_read(
    bucket: Callable[[Path], str], idx_folder: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    folder = idx_folder(train=60, eval=20, suffix=suffix)
    url = bucket(folder)
    resolved = sources.resolve("auto", url, tmp_path / "cache", print)
    assert resolved.counts == {"train": 60, "eval": 20}
    assert resolved == sources.resolve("auto", str(folder), tmp_path / "cache", print)
    name = f"train-images-idx3-ubyte{suffix}"
    np.testing.assert_array_equal(idx.read_images(f"{url}/{name}", 50, 20), idx.read_images(str(folder / name), 50, 20))


def test_truncated_file_in_a_bucket_is_refused_naming_its_url(
    bucket: Callable[[Path], str], idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = idx_folder()
    images = folder / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"^s3://clothes/data/t10k-images-idx3-ubyte: .*the file is truncated"):
        sources.resolve("idx", bucket(folder), tmp_path / "cache", print)


def test_bucket_without_the_files_is_refused_naming_its_url(bucket: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match=r"^s3://clothes/data/?: ") as refusal:
        sources.resolve("idx", f"{bucket(tmp_path / 'other')}/", tmp_path / "cache", print)
    assert "\n" not in str(refusal.value)


def upload(s3: object, folder: Path) -> None:
    for path in folder.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"data/fashion/{path.name}", Body=path.read_bytes())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_in_kubeflows_store_is_the_same_data_as_the_local_one(
    suffix: str, s3: object, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    local = idx_folder(suffix=suffix)
    upload(s3, local)
    from_store = sources.resolve("idx", FOLDER, tmp_path / "one", print)
    from_disk = sources.resolve("idx", str(local), tmp_path / "two", print)
    assert from_store.digest == from_disk.digest
    assert from_store.counts == {"train": 200, "eval": 50}


def test_a_folder_that_is_not_there_is_refused_naming_it(s3: object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^{FOLDER}: ") as error:
        sources.resolve("idx", FOLDER, tmp_path, print)
    assert "\n" not in str(error.value)


def test_a_truncated_object_is_refused_naming_it(s3: object, idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    upload(s3, idx_folder())
    key = "data/fashion/t10k-images-idx3-ubyte"
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=content[:1000])
    with pytest.raises(UserError, match=rf"^minio://{BUCKET}/{key}: "):
        sources.resolve("idx", FOLDER, tmp_path, print)


def test_a_folder_in_google_cloud_storage_is_the_same_data_as_the_local_one(
    gcs: str, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    local = idx_folder(suffix=".gz")
    store, bucket = filesystem(gcs)
    for path in local.iterdir():
        store.put_file(str(path), f"{bucket}/data/{path.name}")
    from_store = sources.resolve("idx", f"{gcs}/data", tmp_path / "one", print)
    assert from_store.digest == sources.resolve("idx", str(local), tmp_path / "two", print).digest
