"""IDX files in an object store: the same data, and errors that name the object."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.object_store.conftest import BUCKET
from tfx_pipeline.data import sources
from tfx_pipeline.process.errors import UserError

FOLDER = f"minio://{BUCKET}/data/fashion"


def upload(s3: object, folder: Path) -> None:
    for path in folder.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"data/fashion/{path.name}", Body=path.read_bytes())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_in_a_store_is_the_same_data_as_the_local_one(
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
