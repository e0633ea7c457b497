"""A model of one's own is judged before it trains."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from modules import model_check, models
from modules.model_check import ModelError
from modules.trainer import run_fn
from tests.small_run import Run
from tests.training import fn_args, grey_logits

SUBCLASS = """
import keras
from keras import layers

class Mine(keras.Model):
    def __init__(self, units=10, activation=None, dtype="float32"):
        super().__init__()
        self.flatten = layers.Flatten()
        self.out = layers.Dense(units, activation=activation, dtype=dtype)
        self.gate = layers.Dense(784, activation="sigmoid")

    def call(self, pixels):
        flat = self.flatten(pixels)
        return self.out(flat * self.gate(flat))
"""
SEQUENTIAL = "import keras\nfrom keras import layers\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes `mine.py` beside the other models: some code, and what its `build` returns."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])

    def call(code: str, returned: str) -> None:
        (tmp_path / "mine.py").write_text(f"{code}\ndef build():\n    return {returned}\n")

    yield call
    sys.modules.pop("modules.models.mine", None)


@pytest.mark.parametrize(
    ("code", "returned"),
    [
        (SUBCLASS, "Mine()"),
        (SEQUENTIAL, "keras.Sequential([layers.Flatten(), layers.Dense(10)])"),
        (SEQUENTIAL, "keras.Sequential([layers.Flatten(), layers.Dense(10), layers.Dropout(0.5)])"),
    ],
)
def test_a_model_that_knows_its_input_only_when_it_sees_it_is_trained_and_exported(
    write: Callable[[str, str], None], code: str, returned: str, first_run: Run, tmp_path: Path
) -> None:
    write(code, returned)
    examples, graph = first_run.artifact("example-gen", "examples"), first_run.artifact("transform", "transform_graph")
    run_fn(fn_args(examples, graph, tmp_path, model_name="mine", checkpoint_dir=str(tmp_path / "checkpoints")))
    logits = grey_logits(tmp_path)
    assert np.isfinite(logits).all()
    assert logits.std() > 0.1


@pytest.mark.parametrize(
    ("code", "returned", "said"),
    [
        (SUBCLASS, "Mine(units=5)", r"Mine with an output of float32 \[batch, 5\], activation linear"),
        (SUBCLASS, "Mine(activation='softmax')", r"Mine with an output of float32 \[batch, 10\], activation softmax"),
        (SUBCLASS, "Mine(activation='sigmoid')", r"Mine with an output of float32 \[batch, 10\], activation sigmoid"),
        (SUBCLASS, "Mine(dtype='float16')", r"Mine with an output of float16 \[batch, 10\], activation linear"),
        (SUBCLASS, "Mine", "type"),
        (SUBCLASS, "None", "NoneType"),
        (SEQUENTIAL, "keras.Sequential([layers.Dense(10)])", r"Sequential with an output of float32 \[batch, 28, 10\]"),
        (SEQUENTIAL, "layers.Dense(10)", "Dense"),
        (SEQUENTIAL, "keras.Sequential()", "Sequential that fails: .* no layers"),
        (
            SEQUENTIAL,
            "keras.Sequential([layers.Flatten(), layers.Dense(10), layers.Softmax()])",
            r"Sequential with an output of float32 \[batch, 10\], activation softmax",
        ),
        (
            SEQUENTIAL,
            "keras.Sequential([layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(10)])",
            r"Sequential that fails: .* expected min_ndim=4, found ndim=3",
        ),
        (
            SEQUENTIAL,
            "keras.Sequential([keras.Input((784,)), layers.Dense(10)])",
            r"Sequential that fails: .*expected shape=\(None, 784\)",
        ),
        (
            SEQUENTIAL,
            "keras.Sequential([layers.Lambda(lambda x: keras.ops.reshape(x, (-1, 392))), layers.Dense(10)])",
            "Sequential that gives 16 answers to 8 images",
        ),
    ],
)
def test_what_cannot_work_is_one_line_with_the_file_what_was_returned_and_what_is_expected(
    write: Callable[[str, str], None], code: str, returned: str, said: str
) -> None:
    write(code, returned)
    expected = (
        r"expected a keras\.Model from float32 \[batch, 28, 28\] to logits, float32 \[batch, 10\], with no softmax or "
        r'sigmoid after them and dtype="float32" in its last layer'
    )
    with pytest.raises(
        ModelError, match=rf"^modules/models/mine\.py: build\(\) returned {said}.*; {expected}$"
    ) as error:
        model_check.build("mine")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("code", "returned", "said"),
    [
        (SEQUENTIAL, "layers.Dense(10)(keras.Input(()))", r"Input 0 .* expected min_ndim=2, found ndim=1"),
        ("", "no_such_name", "name 'no_such_name' is not defined"),
        ("def", "1", "invalid syntax"),
    ],
)
def test_a_build_that_fails_is_one_line_with_the_file(
    write: Callable[[str, str], None], code: str, returned: str, said: str
) -> None:
    write(code, returned)
    with pytest.raises(ModelError, match=rf"^modules/models/mine\.py: build\(\) failed: .*{said}") as error:
        model_check.build("mine")
    assert "\n" not in str(error.value)


def test_logits_that_begin_at_zero_are_no_activation(write: Callable[[str, str], None]) -> None:
    write(SEQUENTIAL, "keras.Sequential([layers.Flatten(), layers.Dense(10, kernel_initializer='zeros')])")
    assert model_check.build("mine").built


@pytest.mark.parametrize("name", ["cnn", "dense"])
def test_the_check_leaves_the_weights_as_build_made_them(name: str) -> None:
    keras.utils.set_random_seed(3)
    expected = models.build(name).get_weights()
    keras.utils.set_random_seed(3)
    for weight, same in zip(model_check.build(name).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, same)
