"""baseline-locator: which pushed model a new one is compared with, and what is said of one that is unfit."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from modules.dataset import DATASET
from tests.object_stores import BUCKET
from tests.saved_model import export_classifier
from tfx_pipeline.kubeflow.step.light_steps import LocalArtifact
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.place import open_place
from tfx_pipeline.steps.baseline_locator import locate_baseline, version_of

KIMONOS = dataclasses.replace(DATASET, class_names=("Kimono", *DATASET.class_names[1:]))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_classifier(tmp_path_factory.mktemp("classifier") / "model")


@pytest.fixture
def place(tmp_path: Path) -> ServingDirectory:
    return ServingDirectory(tmp_path / "serving")


@pytest.fixture
def locate(tmp_path: Path) -> Callable[..., standard_artifacts.Model]:
    """Locates the baseline in tmp_path/serving, or in another place."""

    def found(*choice: str, serving_dir: str = "") -> standard_artifacts.Model:
        baseline = standard_artifacts.Model()
        baseline.uri = str(tmp_path / "baseline")
        locate_baseline(baseline, serving_dir or str(tmp_path / "serving"), *choice)
        return baseline

    return found


@pytest.fixture
def refusal(locate: Callable[..., standard_artifacts.Model]) -> Callable[..., str]:
    """The line with which a baseline is refused."""

    def line(*choice: str, serving_dir: str = "") -> str:
        with pytest.raises(UserError) as error:
            locate(*choice, serving_dir=serving_dir)
        assert "\n" not in str(error.value)
        return str(error.value)

    return line


def test_the_newest_version_is_the_baseline_unless_another_is_asked_for(
    classifier: Path, place: ServingDirectory, locate: Callable[..., standard_artifacts.Model]
) -> None:
    first, second = place.push(classifier), place.push(classifier)
    assert locate().get_int_custom_property("version") == second
    assert locate("newest").get_int_custom_property("version") == second
    older = locate(str(first))
    assert older.get_int_custom_property("version") == first
    assert older.get_string_custom_property("choice") == str(first)


def test_none_leaves_the_artifact_empty_and_says_so(
    classifier: Path, place: ServingDirectory, locate: Callable[..., standard_artifacts.Model]
) -> None:
    place.push(classifier)
    baseline = locate("none")
    assert not Path(baseline.uri).exists()
    assert not baseline.has_custom_property("version")
    assert baseline.get_string_custom_property("choice") == "none"


def test_none_asks_nothing_of_what_lies_there(
    place: ServingDirectory, tmp_path: Path, locate: Callable[..., standard_artifacts.Model]
) -> None:
    (tmp_path / "serving" / "7").mkdir(parents=True)
    (tmp_path / "serving" / "7" / "saved_model.pb").touch()
    assert not Path(locate("none").uri).exists()


def test_a_version_that_is_not_there_is_one_line_that_lists_those_that_are(
    classifier: Path, place: ServingDirectory, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    assert refusal("17") == f"{tmp_path}/serving: has no version 17 to compare with; there is none yet"
    version = place.push(classifier)
    assert refusal("17") == f"{tmp_path}/serving: has no version 17 to compare with; there are {version}"


@pytest.mark.parametrize(
    "choice", ["", "latest", "None", "0", "007", "-1", "1.5", " 17", "17\n", "\u0661\u0667", "9" * 20]
)
def test_what_a_page_sends_is_checked_by_the_step(choice: str, refusal: Callable[..., str]) -> None:
    assert refusal(choice).startswith(
        f"run parameter baseline: got {choice!r}, expected none, newest or the number of a pushed version"
    )


def test_an_unfit_newest_version_is_one_line_with_ways_on(
    classifier: Path, place: ServingDirectory, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    good = place.push(classifier)
    export_classifier(tmp_path / "serving" / "99999999999", dataset=KIMONOS)
    assert refusal() == (
        f"{tmp_path}/serving/99999999999: no model of this pipeline's to compare with: its class 0 is 'Kimono', and "
        f"that of Fashion-MNIST is 'T-shirt/top'; move it away, or give --baseline {good} or none (on Kubeflow the run "
        "parameter baseline)"
    )
    assert "give --baseline none (on" in _without(tmp_path / "serving" / str(good), refusal)
    assert place.push(classifier) == 100000000000


def _without(version: Path, refusal: Callable[..., str]) -> str:
    (version / "saved_model.pb").write_bytes(b"")
    return refusal()


def test_an_unfit_version_that_is_asked_for_is_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    export_classifier(tmp_path / "serving" / "5", dataset=KIMONOS)
    assert refusal("5").startswith(f"{tmp_path}/serving/5: no model of this pipeline's to compare with: its class 0 ")


@pytest.mark.parametrize("name", ["00099999999999", "1e11", "v2", "model", "99999999999999999999", "0"])
def test_names_that_are_no_versions_are_passed_over(
    name: str,
    classifier: Path,
    place: ServingDirectory,
    tmp_path: Path,
    locate: Callable[..., standard_artifacts.Model],
) -> None:
    version = place.push(classifier)
    (tmp_path / "serving" / name).mkdir()
    (tmp_path / "serving" / name / "saved_model.pb").touch()
    (tmp_path / "serving" / "88888888888").touch()
    assert locate().get_int_custom_property("version") == version


def test_an_unfit_version_in_an_object_store_is_refused_before_it_is_copied(
    s3: object, classifier: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    uri = f"minio://{BUCKET}/fashion"
    good = open_place(uri).push(classifier)
    s3.put_object(Bucket=BUCKET, Key="fashion/99999999999/saved_model.pb", Body=b"\x12")
    assert refusal(serving_dir=uri) == (
        f"{uri}/99999999999: no model of this pipeline's to compare with: its saved_model.pb is damaged; move it "
        f"away, or give --baseline {good} or none (on Kubeflow the run parameter baseline)"
    )
    assert not (tmp_path / "baseline").exists()


def test_a_long_number_is_the_same_where_a_backend_keeps_numbers_as_floats(
    classifier: Path, tmp_path: Path, locate: Callable[..., standard_artifacts.Model]
) -> None:
    version = 1_795_520_520_123_456_789
    shutil.copytree(classifier, tmp_path / "serving" / str(version))
    located = locate()
    uri = located.get_string_custom_property("source_uri")
    kept = LocalArtifact(located.uri, {"version": float(located.get_int_custom_property("version")), "source_uri": uri})
    assert version_of(kept) == version_of(located) == version
    assert version_of(LocalArtifact("", {})) is None
