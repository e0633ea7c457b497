"""What follows from modules/dataset.py before any run: tried in a checkout of five classes of colour images."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_run import checkout, dataset_module
from tfx_pipeline.steps.schema_import import schema_digest

Python = Callable[[str], str]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Runs a program in the checkout; returns what it printed."""
    root = checkout(
        tmp_path_factory.mktemp("other") / "checkout",
        dataset_module(
            name="five-colours", title="Five colours", image_shape=(12, 16, 3), class_names=tuple("abcde"),
            intended_use="For colours.", licence="MIT",
        ),
    )  # fmt: skip

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.rstrip("\n")

    return run


def refusal(python: Python, source: str, folder: str | None) -> str:
    """The line with which the checkout refuses data."""
    return python(
        "import pathlib\nfrom tfx_pipeline.data import sources\n"
        f"try: sources.resolve({source!r}, {folder!r}, pathlib.Path('cache'), print)\n"
        "except sources.UserError as error: print(error)"
    )


@pytest.mark.parametrize("source", ["auto", "tfds", "debian"])
def test_sources_that_have_another_data_set_are_refused_in_one_line(source: str, python: Python) -> None:
    printed = refusal(python, source, None)
    assert printed == (
        f"the data source {source} has no five-colours: modules/dataset.py gives no name of it for "
        f"{'tfds and debian' if source == 'auto' else source}; name "
        "a folder of IDX files with --data-dir, or on Kubeflow a claim that holds "
        "them with --data-pvc"
    )


def test_the_cache_is_the_one_that_the_container_has(python: Python) -> None:
    printed = python("from tfx_pipeline.data import sources; print(sources.default_cache_dir().name)")
    assert printed == "tfx-fashion-mnist"


def test_colour_images_are_looked_for_in_files_of_four_dimensions(python: Python, tmp_path: Path) -> None:
    printed = refusal(python, "idx", str(tmp_path))
    assert "lacks train-images-idx4-ubyte, train-labels-idx1-ubyte, t10k-images-idx4-ubyte, t10k-labels-idx1" in printed


def test_images_of_another_shape_are_refused_naming_both(
    python: Python, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = idx_folder()
    for path in folder.glob("*idx3*"):
        path.rename(path.with_name(path.name.replace("idx3", "idx4")))
    printed = refusal(python, "idx", str(folder))
    assert "holds images of 28x28, expected 12x16x3; resize them, or correct image_shape" in printed


def test_what_fashion_mnists_classes_are_like_is_not_expected_of_others(python: Python) -> None:
    printed = python(
        "from tfx_pipeline.config.limits import *\nprint([v for v in vars(Limits()).values() if type(v) is list])"
    )
    assert printed == str([[]] * 10)


def test_lists_of_limits_have_a_value_for_each_class(python: Python, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(f"[data_gate]\nexpected_intensity = {[80.0] * 10}\n")
    printed = python(
        "from tfx_pipeline.config import flags\n"
        f"try: flags.load({{'config': {str(tmp_path / 'my.toml')!r}}})\n"
        "except flags.UserError as error: print(error)"
    )
    assert "data_gate.expected_intensity: " in printed
    assert "expected 5 values, one a class, or none" in printed


def test_the_schema_and_its_digest_are_others(python: Python) -> None:
    digest, text = python(
        "from tfx_pipeline.steps import schema_import as s; print(s.schema_digest(), s.schema_text())"
    ).split(" ", 1)
    assert "min: 0 max: 4 " in text
    assert digest != schema_digest()


def test_every_model_takes_its_images_and_answers_with_its_classes(python: Python) -> None:
    printed = python(
        "from modules import models\n"
        "for name in models.names(): model = models.build(name); print(model.input_shape, model.output_shape)"
    )
    assert set(printed.splitlines()) == {"(None, 12, 16, 3) (None, 5)"}
