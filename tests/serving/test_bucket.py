"""Pushing to and reading from an object store: whole versions or none, growing numbers, one pusher a number."""

import threading
from pathlib import Path

import pytest

from tests.object_stores import BUCKET, Keys
from tests.saved_model import write_saved_model
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.object_store import filesystem
from tfx_pipeline.serving import bucket
from tfx_pipeline.serving.place import open_place, serving_place

PLACE = f"minio://{BUCKET}/fashion/serving"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_saved_model(tmp_path / "model")


@pytest.fixture(autouse=True)
def store(s3: object) -> None:
    """Every test here has the store."""


def test_there_is_no_version_where_nothing_was_pushed() -> None:
    assert open_place(PLACE).newest() is None


def test_a_pushed_model_comes_back_as_it_was(model: Path, tmp_path: Path) -> None:
    place = open_place(PLACE)
    version = place.push(model)
    place.fetch(version, tmp_path / "back")
    assert place.newest() == version
    assert place.uri(version) == f"{PLACE}/{version}"
    files = [path.relative_to(tmp_path / "back") for path in (tmp_path / "back").rglob("*") if path.is_file()]
    assert {str(file): (tmp_path / "back" / file).read_bytes() for file in files} == {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"weights",
    }


def test_a_push_leaves_the_model_and_nothing_else(model: Path, keys: Keys) -> None:
    version = open_place(PLACE).push(model)
    prefix = f"fashion/serving/{version}"
    assert keys() == [f"{prefix}/saved_model.pb", f"{prefix}/variables/variables.index"]


def test_numbers_grow_even_within_a_second(model: Path) -> None:
    place = open_place(PLACE)
    assert place.push(model) < place.push(model) < place.push(model)


def test_a_version_without_its_graph_does_not_count(model: Path, s3: object) -> None:
    place = open_place(PLACE)
    version = place.push(model)
    s3.put_object(Bucket=BUCKET, Key="fashion/serving/99999999999/variables/variables.index", Body=b"half")
    assert place.newest() == version


def test_a_push_never_writes_into_a_version_that_is_there_in_part(model: Path, s3: object) -> None:
    s3.put_object(Bucket=BUCKET, Key="fashion/serving/99999999999/variables/variables.index", Body=b"half")
    assert open_place(PLACE).push(model) == 100000000000


def test_the_graph_is_written_last(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = open_place(PLACE)
    written = []
    put_file = place._store.put_file
    monkeypatch.setattr(
        place._store, "put_file", lambda local, remote: written.append(Path(remote).name) or put_file(local, remote)
    )
    place.push(model)
    assert written == ["variables.index", "saved_model.pb"]


def test_a_push_that_fails_leaves_nothing(model: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    place = open_place(PLACE)
    put_file = place._store.put_file

    def fail_at_the_graph(local: str, remote: str) -> None:
        if remote.endswith("saved_model.pb"):
            raise OSError("the store went away")
        put_file(local, remote)

    monkeypatch.setattr(place._store, "put_file", fail_at_the_graph)
    with pytest.raises(OSError, match="went away"):
        place.push(model)
    assert keys() == []


def test_two_who_push_at_once_get_a_version_each(model: Path, tmp_path: Path) -> None:
    numbers: list[int] = []

    def push(number: int) -> None:
        numbers.append(open_place(PLACE).push(model))

    threads = [threading.Thread(target=push, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 4


def test_a_claim_of_another_makes_a_pusher_give_way(model: Path, s3: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket.time, "time", lambda: 1000)
    monkeypatch.setattr(bucket.time, "sleep", lambda _: None)
    s3.put_object(Bucket=BUCKET, Key="fashion/serving/.claims/1000/another", Body=b"")
    with pytest.raises(UserError, match="others push at the same moment"):
        open_place(PLACE).push(model)


def test_the_same_model_is_recognised_and_another_is_not(model: Path) -> None:
    place = open_place(PLACE)
    version = place.push(model)
    assert place.holds(version, model)
    (model / "variables" / "variables.index").write_bytes(b"other weights")
    assert not place.holds(version, model)
    (model / "variables" / "variables.index").write_bytes(b"weights")
    (model / "more").write_bytes(b"")
    assert not place.holds(version, model)


def test_a_missing_bucket_is_one_line_that_names_the_location(model: Path) -> None:
    uri = "minio://nowhere/x"
    with pytest.raises(UserError, match=r"^minio://nowhere/x: .*MINIO_ENDPOINT") as error, serving_place(uri) as place:
        place.push(model)
    assert "\n" not in str(error.value)


def test_a_store_that_does_not_answer_is_one_line(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"^minio://models/x: .*127\.0\.0\.1:9.*MINIO_ENDPOINT") as error:  # noqa: SIM117
        with serving_place(f"minio://{BUCKET}/x") as place:
            place.newest()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("uri", ["minio://", "s3:///key"])
def test_a_url_without_a_bucket_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match="names no bucket"):
        open_place(uri)


def test_s3_is_reached_as_its_own_environment_says(
    model: Path, endpoint: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9")
    version = open_place(f"s3://{BUCKET}/serving").push(model)
    assert f"serving/{version}/saved_model.pb" in keys()


def test_pruning_keeps_the_newest_versions_and_the_baseline(model: Path, keys: Keys) -> None:
    place = open_place(PLACE)
    pushed = [place.push(model) for _ in range(5)]
    assert place.prune(2, pushed[0], lambda _: True) == pushed[1:-2]
    kept = {f"fashion/serving/{version}/saved_model.pb" for version in (pushed[0], *pushed[-2:])}
    assert {key for key in keys() if key.endswith(".pb")} == kept
    assert len(keys()) == 2 * len(kept)


def test_pruning_counts_and_deletes_our_versions_alone(model: Path) -> None:
    place = open_place(PLACE)
    theirs = [place.push(model) for _ in range(3)]
    ours = [place.push(model) for _ in range(3)]
    assert place.prune(2, 0, lambda version: version in ours) == ours[:1]
    assert place.versions() == theirs + ours[1:]


def test_pruning_deletes_what_a_dead_pusher_left_when_it_is_old(model: Path, s3: object, keys: Keys) -> None:
    """A folder that no pusher claimed, such as a version of a model that is no SavedModel, is somebody else's."""
    place = open_place(PLACE)
    version = place.push(model)
    for number in (1000, 1001, version + 1):
        s3.put_object(Bucket=BUCKET, Key=f"fashion/serving/{number}/variables/variables.index", Body=b"half")
    for number in (1000, version + 1):
        s3.put_object(Bucket=BUCKET, Key=f"fashion/serving/.claims/{number}/dead", Body=b"")
    assert place.prune(5, 0, lambda _: True) == []
    kept = {key.removeprefix("fashion/serving/") for key in keys() if "saved_model" not in key}
    assert kept == {f"{v}/variables/variables.index" for v in (1001, version, version + 1)} | {
        f".claims/{version + 1}/dead"
    }


def test_a_push_whose_check_fails_leaves_nothing(model: Path, keys: Keys) -> None:
    def check() -> None:
        raise UserError("another came first")

    with pytest.raises(UserError, match="another came first"):
        open_place(PLACE).push(model, check)
    assert keys() == []


def test_google_cloud_storage_gives_a_pushed_model_back_and_a_second_another_number(
    model: Path, gcs: str, tmp_path: Path
) -> None:
    with serving_place(f"{gcs}/fashion/serving") as place:
        assert place.newest() is None
        first = place.push(model)
        assert place.newest() == first
        assert place.holds(first, model)
        place.fetch(first, tmp_path / "back")
        assert (tmp_path / "back" / "variables" / "variables.index").read_bytes() == b"weights"
        second = place.push(model)
        assert place.newest() == second > first
    store, root = filesystem(gcs)
    assert [path.rsplit("/", 1)[-1] for path in store.find(f"{root}/fashion/serving/{second}")] == [
        "saved_model.pb",
        "variables.index",
    ]
