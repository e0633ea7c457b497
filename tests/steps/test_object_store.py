"""The two steps that use the serving place, with an object store for it."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tests.object_stores import BUCKET, Keys
from tests.saved_model import export_classifier
from tfx_pipeline.steps.baseline_locator import locate_baseline
from tfx_pipeline.steps.pusher import push_model

PLACE = f"minio://{BUCKET}/serving"


def artifact(kind: type, path: Path) -> object:
    path.mkdir(exist_ok=True)
    result = kind()
    result.uri = str(path)
    return result


def test_a_first_run_has_no_baseline(s3: object, tmp_path: Path) -> None:
    baseline = artifact(standard_artifacts.Model, tmp_path / "baseline")
    locate_baseline(baseline, PLACE)
    assert list((tmp_path / "baseline").iterdir()) == []
    assert not baseline.has_custom_property("version")


@pytest.mark.parametrize("folder", ["serving", "sib?", "a [b]", "*", "back\\slash"])
def test_what_one_run_pushed_is_the_baseline_of_the_next(s3: object, keys: Keys, tmp_path: Path, folder: str) -> None:
    place = f"minio://{BUCKET}/{folder}"
    s3.put_object(Bucket=BUCKET, Key="sib1/7/saved_model.pb", Body=b"another's")
    model = artifact(standard_artifacts.Model, tmp_path / "model")
    export_classifier(tmp_path / "model" / "Format-Serving")
    graph = (tmp_path / "model" / "Format-Serving" / "saved_model.pb").read_bytes()
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    push_model(model, blessing, pushed, place)
    version = int(pushed.get_string_custom_property("pushed_version"))
    assert pushed.get_string_custom_property("pushed_destination") == f"{place}/{version}"

    baseline = artifact(standard_artifacts.Model, tmp_path / "baseline")
    locate_baseline(baseline, place)
    assert baseline.get_int_custom_property("version") == version
    assert baseline.get_string_custom_property("source_uri") == f"{place}/{version}"
    assert (tmp_path / "baseline" / "Format-Serving" / "saved_model.pb").read_bytes() == graph

    push_model(model, blessing, artifact(standard_artifacts.PushedModel, tmp_path / "again"), place)
    folders = {key.rsplit("/", 1)[0] for key in keys()}
    assert folders == {f"{folder}/{version}", f"{folder}/{version}/variables", "sib1/7"}
