"""Objects of no bytes that mark a folder, as other tools leave them in a store: they are no files and no versions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.object_stores import BUCKET, Keys, mark_folder
from tests.saved_model import write_saved_model
from tfx_pipeline.process.object_store import filesystem
from tfx_pipeline.serving.bucket import ServingBucket

PLACE = f"minio://{BUCKET}/fashion/2024"
"""Its own name could be taken for a version."""

Mark = Callable[[str], object]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_saved_model(tmp_path / "model")


@pytest.fixture
def mark(s3: object) -> Mark:
    """Writes an object of no bytes below the place."""
    return lambda name: s3.put_object(Bucket=BUCKET, Key=f"fashion/2024/{name}", Body=b"")


def marked(place: ServingBucket, model: Path, mark: Mark) -> int:
    """Pushes a version and marks the folders of it and around it."""
    version = place.push(model)
    for name in ("", f"{version}/", f"{version}/variables/", f"{version}/variables_$folder$", f"{version}_$folder$"):
        mark(name)
    return version


def test_a_marked_place_without_versions_has_none(mark: Mark) -> None:
    for name in ("", "1/", "1/variables/", "2_$folder$", "3", "4/saved_model.pb/"):
        mark(name)
    place = ServingBucket(PLACE)
    assert place.newest() is None
    assert place.versions() == []


def test_a_marked_version_is_the_model_that_was_pushed(model: Path, mark: Mark, tmp_path: Path) -> None:
    place = ServingBucket(PLACE)
    version = marked(place, model, mark)
    assert place.newest() == version
    assert place.holds(version, model)
    assert place.sizes(version) == {"saved_model.pb": 5, "variables/variables.index": 7}
    place.fetch(version, tmp_path / "back")
    assert sorted(path.name for path in (tmp_path / "back").rglob("*")) == [
        "saved_model.pb", "variables", "variables.index",
    ]  # fmt: skip


def test_a_marked_number_is_not_taken_for_a_push(model: Path, mark: Mark) -> None:
    mark("99999999999/")
    assert ServingBucket(PLACE).push(model) == 100000000000


def test_pruning_deletes_the_markers_of_what_it_deletes(model: Path, mark: Mark, keys: Keys) -> None:
    place = ServingBucket(PLACE)
    old = marked(place, model, mark)
    mark("7")
    new = place.push(model)
    place.prune(1, 0, lambda _: True)
    assert [key for key in keys() if f"/{old}/" in key] == []
    assert place.versions() == [new]
    assert "fashion/2024/7" in keys()


def test_markers_in_google_cloud_storage_are_no_files(model: Path, gcs: str, tmp_path: Path) -> None:
    place = ServingBucket(f"{gcs}/2024")
    version = place.push(model)
    for name in ("", f"{version}/", f"{version}/variables/", "99999999999/"):
        mark_folder(gcs, f"2024/{name}")
    assert place.newest() == version
    assert place.holds(version, model)
    place.fetch(version, tmp_path / "back")
    assert (tmp_path / "back" / "variables" / "variables.index").read_bytes() == b"weights"
    assert place.push(model) == 100000000000
    place.prune(1, 0, lambda _: True)
    store, bucket = filesystem(gcs)
    assert not [key for key in store.find(bucket) if f"/{version}/" in key]
