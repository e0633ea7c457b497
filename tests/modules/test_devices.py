"""The devices and the precision that a training uses."""

import logging
import math
import re
import subprocess
import sys
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


Folders = Callable[..., dict[Path, Path]]


@pytest.fixture(scope="module")
def folders(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Makes a folder for each rest, of two batches of 80 and the rest, each with a directory to train in."""
    source = first_run.artifact("example-gen", "examples")

    def call(*rests: int) -> dict[Path, Path]:
        directories = [tmp_path_factory.mktemp(f"rest-{rest}-") for rest in rests]
        return {
            directory: first_examples(source, directory / "examples", train=160 + rest, eval=40 + rest)
            for rest, directory in zip(rests, directories, strict=True)
        }

    return call


def share_of(count: int) -> dict[str, float]:
    """What each of several devices is given, for the batch and the learning rate of one with 80 and 0.002."""
    return {"batch_size": 80 // count, "learning_rate": 0.002 / math.sqrt(count)}


@pytest.mark.thorough("modules/")
def test_an_incomplete_last_batch_gives_the_weights_of_one_device(first_run: Run, folders: Folders) -> None:
    one, four = folders(1, 3), folders(1, 3)
    train_each(1, first_run, one, **share_of(1))
    train_each(4, first_run, four, **share_of(4))
    for expected, directory in zip(one, four, strict=True):
        np.testing.assert_allclose(grey_logits(directory), grey_logits(expected), atol=1e-4)


def train_cnn(count: int, run: Run, examples: dict[Path, Path]) -> float:
    """The mean of the trainings' last losses, with plain kernels, which are nearer to a GPU's than oneDNN's."""
    environment = {"TF_ENABLE_ONEDNN_OPTS": "0"}
    results = train_each(count, run, examples, environment, model_name="cnn", epochs=3, **share_of(count))
    logs = ["\n".join(result["log"]) for result in results]
    return float(np.mean([float(re.search(r"epoch 3/3 .* loss (\S+)  val", log)[1]) for log in logs]))


@pytest.fixture(scope="module")
def cnn_on_one(first_run: Run, folders: Folders) -> float:
    return train_cnn(1, first_run, folders(1, 2, 3, 4))


@pytest.mark.thorough("modules/")
@pytest.mark.parametrize("count", [2, 4])
def test_cnn_trains_through_incomplete_last_batches_as_on_one_device(
    count: int, first_run: Run, folders: Folders, cnn_on_one: float
) -> None:
    """A replica without examples had no mean to normalise by: every weight became NaN, or oneDNN failed."""
    examples = folders(1, 2, 3, 4)
    assert train_cnn(count, first_run, examples) == pytest.approx(cnn_on_one, rel=0.25)
    assert all(np.isfinite(grey_logits(directory)).all() for directory in examples)


def test_mixed_precision_and_resume_go_through_an_incomplete_last_batch(
    first_run: Run, folders: Folders, tmp_path: Path
) -> None:
    (examples,) = folders(1).values()
    settings = {"model_name": "cnn", "precision": "mixed_bfloat16", "checkpoint_dir": str(tmp_path / "checkpoints")}
    whole, again = train_each(2, first_run, dict.fromkeys((tmp_path / "a", tmp_path / "b"), examples), **settings)
    assert "going on after epoch 1, which an earlier run finished" in again["log"]
    assert not any(line.startswith("going on") for line in whole["log"])
    assert np.isfinite(grey_logits(tmp_path / "a")).all()
    np.testing.assert_array_equal(grey_logits(tmp_path / "a"), grey_logits(tmp_path / "b"))


@pytest.mark.thorough("modules/")
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


@WITHOUT_GPU
@pytest.mark.parametrize(("gain", "precision"), [(0.4, "float32"), (1.2, "float32"), (1.7, "mixed_bfloat16")])
def test_the_fastest_precision_of_a_cpu_is_what_is_measured(
    gain: float, precision: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "_gain_of_bfloat16", lambda: gain)
    with caplog.at_level(logging.INFO, "modules.devices"):
        assert devices.choose("auto", "fastest").precision == precision
    assert caplog.messages == [f"training on 1 CPU in {precision}"]
    assert devices.precision_in_force("cpu", "auto") == "float32"
    assert devices.precision_in_force("cpu", "mixed_float16") == "mixed_float16"


def test_the_gain_of_bfloat16_is_alike_on_a_busy_machine_and_moves_no_random_numbers() -> None:
    keras.utils.set_random_seed(3)
    expected = tf.random.uniform([3]).numpy()
    keras.utils.set_random_seed(3)
    gains = [devices._gain_of_bfloat16() for _ in range(2)]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        gains += [devices._gain_of_bfloat16() for _ in range(4)]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    np.testing.assert_array_equal(tf.random.uniform([3]).numpy(), expected)
    # Either the processor has instructions for it or not: far from the limit on one side.
    assert len({gain >= devices.FASTER for gain in gains}) == 1, gains


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
