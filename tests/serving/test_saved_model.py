"""What is said of a version that is no model of this pipeline's, from its files alone."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from modules.dataset import DATASET
from tests.saved_model import export_classifier
from tests.small_run import Run
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.saved_model import is_ours, problem_of


@pytest.fixture
def problem(tmp_path: Path) -> Callable[[Path], str | None]:
    """What is said of a model's directory."""

    def found(model: Path) -> str | None:
        place = ServingDirectory(model.parent)
        (model.parent / "1").symlink_to(model.name)
        return problem_of(place.sizes(1), place.read(1, "saved_model.pb"))

    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return export_classifier(tmp_path / "model")


def test_what_a_run_pushed_has_no_problem(first_run: Run, problem: Callable[[Path], str | None]) -> None:
    assert problem(Path(first_run.manifest["pushed"])) is None


def test_what_a_run_pushed_is_ours_and_a_classifier_without_our_signatures_is_not(
    first_run: Run, tmp_path: Path
) -> None:
    pushed = Path(first_run.manifest["pushed"])
    assert is_ours(ServingDirectory(pushed.parent).sizes(int(pushed.name)), (pushed / "saved_model.pb").read_bytes())
    theirs = tmp_path / "1"
    loaded = tf.saved_model.load(export_classifier(tmp_path / "both"))
    tf.saved_model.save(loaded, theirs, signatures={"serving_default": loaded.signatures["serving_default"]})
    sizes, graph = ServingDirectory(tmp_path).sizes(1), (theirs / "saved_model.pb").read_bytes()
    assert problem_of(sizes, graph) is None
    assert not is_ours(sizes, graph)


def test_the_tests_own_classifier_has_no_problem(model: Path, problem: Callable[[Path], str | None]) -> None:
    assert problem(model) is None


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("saved_model.pb", 0, "its saved_model.pb is empty"),
        ("saved_model.pb", 1, "its saved_model.pb is damaged"),
        ("saved_model.pb", 1000, "its saved_model.pb is damaged"),
        ("saved_model.pb", -1, "its saved_model.pb is damaged"),
        ("variables/variables.index", 0, "its variables/variables.index is empty"),
        ("variables/variables.data-00000-of-00001", 0, "its variables/variables.data-00000-of-00001 is empty"),
    ],
)
def test_a_file_that_is_cut_is_named(
    name: str, size: int, words: str, model: Path, problem: Callable[[Path], str | None]
) -> None:
    (model / name).write_bytes((model / name).read_bytes()[:size])
    assert problem(model) == words


@pytest.mark.parametrize(
    "content",
    [b"graph", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n", bytes(100), b"\x80"],
)
def test_what_is_no_graph_is_said(content: bytes, model: Path, problem: Callable[[Path], str | None]) -> None:
    (model / "saved_model.pb").write_bytes(content)
    assert problem(model) == "its saved_model.pb is damaged"


def test_a_graph_whose_lengths_fit_and_whose_content_does_not_is_said(
    model: Path, problem: Callable[[Path], str | None]
) -> None:
    graph = (model / "saved_model.pb").read_bytes()
    (model / "saved_model.pb").write_bytes(graph[:20] + bytes(len(graph) - 20))
    assert problem(model) in ("its saved_model.pb is damaged", "it has no signature serving_default")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("variables/variables.index", "it lacks variables/variables.index"),
        ("variables/variables.data-00000-of-00001", "it lacks variables/variables.data-*"),
    ],
)
def test_a_file_that_is_missing_is_named(
    name: str, words: str, model: Path, problem: Callable[[Path], str | None]
) -> None:
    (model / name).unlink()
    assert problem(model) == words


def test_a_keras_export_is_told_by_its_signature(tmp_path: Path, problem: Callable[[Path], str | None]) -> None:
    network = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)])
    network.export(str(tmp_path / "model"), verbose=False)
    words = problem(tmp_path / "model")
    assert words is not None
    assert words.startswith("its signature serving_default takes keras_tensor")
    assert words.endswith("and gives output_0, not serialized tf.Examples and probabilities")


def test_a_module_without_signatures_is_told(tmp_path: Path, problem: Callable[[Path], str | None]) -> None:
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "model"))
    assert problem(tmp_path / "model") == "it has no signature serving_default"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"class_names": (*DATASET.class_names[:3], "Kimono", *DATASET.class_names[4:])},
            "its class 3 is 'Kimono', and that of Fashion-MNIST is 'Dress'",
        ),
        (
            {"class_names": tuple(reversed(DATASET.class_names))},
            "its class 0 is 'Ankle boot', and that of Fashion-MNIST is 'T-shirt/top'",
        ),
        ({"class_names": ("a", "b")}, "it tells 2 classes apart, and Fashion-MNIST has 10"),
        ({"image_shape": (32, 32, 3)}, "it takes images of 32 x 32 x 3 and not of 28 x 28"),
        ({"image_shape": (14, 56)}, "it takes images of 14 x 56 and not of 28 x 28"),
    ],
)
def test_a_model_of_another_data_set_is_told_by_what_differs(
    changes: dict[str, tuple[object, ...]], words: str, tmp_path: Path, problem: Callable[[Path], str | None]
) -> None:
    other = dataclasses.replace(DATASET, **changes)
    assert problem(export_classifier(tmp_path / "model", dataset=other)) == words
