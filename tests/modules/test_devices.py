"""The devices and the precision that a training uses."""

import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from modules import devices
from tests.small_run import Run
from tests.training import first_examples, grey_logits
from tests.virtual_devices import train_each, train_on

WITHOUT_GPU = pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU here")


@pytest.fixture(scope="module")
def one_device(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train_on(1, first_run, tmp_path_factory.mktemp("one"), epochs=10)


@pytest.fixture(scope="module")
def two_devices(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    checkpoints = str(tmp_path_factory.mktemp("checkpoints"))
    return train_on(2, first_run, tmp_path_factory.mktemp("two"), epochs=10, checkpoint_dir=checkpoints)


def test_two_devices_reach_the_accuracy_of_one(one_device: dict[str, Any], two_devices: dict[str, Any]) -> None:
    assert one_device["accuracy"] > 0.7
    # 1,000 images: the standard error of each accuracy is 0.013.
    assert two_devices["accuracy"] == pytest.approx(one_device["accuracy"], abs=0.04)


def test_two_devices_export_the_signatures_of_one(one_device: dict[str, Any], two_devices: dict[str, Any]) -> None:
    assert set(one_device["signatures"]) == {"serving_default", "serving_images"}
    assert two_devices["signatures"] == one_device["signatures"]


def test_the_log_says_which_devices_are_in_use(one_device: dict[str, Any], two_devices: dict[str, Any]) -> None:
    assert one_device["log"][0] == "training on 1 CPU in float32"
    assert two_devices["log"][0] == "training on 2 x CPU, mirrored in float32"


RESTS = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def incomplete(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[Path, Path]]:
    """Makes folders of 160 training images and a rest of 1 to 4, each with a directory to train in."""
    source = first_run.artifact("example-gen", "examples")

    def call() -> dict[Path, Path]:
        directories = [tmp_path_factory.mktemp(f"rest-{rest}-") for rest in RESTS]
        return {
            directory: first_examples(source, directory / "examples", train=160 + rest, eval=40 + rest)
            for rest, directory in zip(RESTS, directories, strict=True)
        }

    return call


@pytest.fixture(scope="module")
def dense_on_one(first_run: Run, incomplete: Callable[[], dict[Path, Path]]) -> list[np.ndarray]:
    examples = incomplete()
    train_each(1, first_run, examples, batch_size=80, learning_rate=0.002)
    return [grey_logits(directory) for directory in examples]


@pytest.mark.parametrize("count", [2, 4])
def test_an_incomplete_last_batch_gives_the_weights_of_one_device(
    count: int, first_run: Run, incomplete: Callable[[], dict[Path, Path]], dense_on_one: list[np.ndarray]
) -> None:
    examples = incomplete()
    train_each(count, first_run, examples, batch_size=80 // count, learning_rate=0.002 / math.sqrt(count))
    for directory, expected in zip(examples, dense_on_one, strict=True):
        np.testing.assert_allclose(grey_logits(directory), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("count", "onednn", "precision"), [(2, "0", "float32"), (2, "1", "mixed_bfloat16"), (4, "0", "float32")]
)
def test_an_incomplete_last_batch_leaves_cnn_finite_and_resumable(
    count: int, onednn: str, precision: str, first_run: Run, incomplete: Callable[[], dict[Path, Path]], tmp_path: Path
) -> None:
    """An empty batch has no mean to normalise by: plain kernels made every weight NaN of it, oneDNN's failed."""
    examples, environment = incomplete(), {"TF_ENABLE_ONEDNN_OPTS": onednn}
    settings = {"model_name": "cnn", "batch_size": 80 // count, "precision": precision}
    results = train_each(count, first_run, examples, environment, **settings)
    for directory, result in zip(examples, results, strict=True):
        assert np.isfinite(grey_logits(directory)).all()
        loss = float(re.search(r"epoch 1/1 .* loss (\S+)  val", "\n".join(result["log"]))[1])
        assert loss < 5


def test_mixed_precision_trains_and_still_answers_in_float32(
    first_run: Run, one_device: dict[str, Any], tmp_path: Path
) -> None:
    mixed = train_on(1, first_run, tmp_path, epochs=10, precision="mixed_bfloat16", determinism="on")
    assert mixed["accuracy"] == pytest.approx(one_device["accuracy"], abs=0.04)
    assert mixed["signatures"] == one_device["signatures"]


@WITHOUT_GPU
def test_a_gpu_that_is_not_there_is_refused_with_the_reason() -> None:
    with pytest.raises(devices.NoGpuError, match="device gpu: TensorFlow sees no GPU here, and it was built"):
        devices.choose("gpu", "auto")


@WITHOUT_GPU
def test_auto_goes_on_with_the_cpu_in_float32_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "modules.devices"):
        hardware = devices.choose("auto", "auto")
    assert (hardware.replicas, hardware.precision) == (1, "float32")
    assert caplog.messages == ["training on 1 CPU in float32"]


def test_the_learning_rate_grows_with_the_square_root_of_the_devices() -> None:
    strategy = tf.distribute.get_strategy()
    assert devices.Hardware(["CPU:0"], "float32", strategy).learning_rate(0.1) == pytest.approx(0.1)
    assert devices.Hardware(["GPU:0", "GPU:1"], "float32", strategy).learning_rate(0.1) == pytest.approx(
        0.1 * math.sqrt(2)
    )


def test_the_precision_ends_with_the_scope() -> None:
    before = keras.config.dtype_policy().name
    with devices.choose("cpu", "mixed_bfloat16").scope():
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("device", "precision"), [("tpu", "auto"), ("auto", "float8")])
def test_an_unknown_device_or_precision_is_refused(device: str, precision: str) -> None:
    with pytest.raises(ValueError, match="expected one of auto"):
        devices.choose(device, precision)
