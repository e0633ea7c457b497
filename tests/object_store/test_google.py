"""The same on Google Cloud Storage: models come and go, and IDX files are read."""

from collections.abc import Callable
from pathlib import Path

from tfx_pipeline.data import sources
from tfx_pipeline.process.object_store import filesystem
from tfx_pipeline.serving.place import using


def test_a_pushed_model_comes_back_and_a_second_gets_another_number(gcs: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.index").write_bytes(b"weights")
    with using(f"{gcs}/fashion/serving") as place:
        assert place.newest() is None
        first = place.push(model)
        assert place.newest() == first
        assert place.holds(first, model)
        place.fetch(first, tmp_path / "back")
        assert (tmp_path / "back" / "variables" / "variables.index").read_bytes() == b"weights"
        second = place.push(model)
        assert place.newest() == second > first
    store, bucket = filesystem(gcs)
    assert [path.rsplit("/", 1)[-1] for path in store.find(f"{bucket}/fashion/serving/{second}")] == [
        "saved_model.pb",
        "variables.index",
    ]


def test_a_folder_in_a_bucket_is_the_same_data_as_the_local_one(
    gcs: str, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    local = idx_folder(suffix=".gz")
    store, bucket = filesystem(gcs)
    for path in local.iterdir():
        store.put_file(str(path), f"{bucket}/data/{path.name}")
    from_store = sources.resolve("idx", f"{gcs}/data", tmp_path / "one", print)
    assert from_store.digest == sources.resolve("idx", str(local), tmp_path / "two", print).digest
