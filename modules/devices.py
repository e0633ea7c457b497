"""The devices that a training runs on: GPUs where there are any, several at once, and the precision they compute in."""

import contextlib
import dataclasses
import logging
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final, get_args

import keras
import tensorflow as tf

from modules.hyperparameters import Device, Precision
from modules.input_pipeline import shared

logger = logging.getLogger(__name__)

TENSOR_CORES: Final = (7, 0)
"""Compute capability from which a GPU multiplies float16 faster than float32, by NVIDIA's guide to mixed precision."""

FASTER: Final = 1.25
"""How many times as fast as float32 a CPU must be with bfloat16 to compute in it: one that has no instructions for it
is slower, and one that has them about 1.7 times as fast, so that chance does not decide."""

TRIES: Final = 10
"""Convolutions that are timed in each precision; the first also builds the graph."""


class NoGpuError(RuntimeError):
    """A GPU was asked for, and TensorFlow sees none."""


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What a training uses.

    Attributes:
        devices: Names of TensorFlow's logical devices, of one kind.
        precision: Name of a Keras dtype policy.
        strategy: Copies the variables to several devices; TensorFlow's default where there is one.
    """

    devices: Sequence[str]
    precision: str
    strategy: tf.distribute.Strategy

    @property
    def replicas(self) -> int:
        """How many devices train side by side, each with a batch of its own."""
        return len(self.devices)

    def learning_rate(self, configured: float) -> float:
        """The rate for all replicas' examples together: that of one device, times the square root of their number.

        With Adam, training follows the same course at a larger batch when the rate grows with the batch's square root
        (Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022).
        """
        return configured * math.sqrt(self.replicas)

    def distribute(self, batches: tf.data.Dataset) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Shares each batch among the replicas, for Keras' ``fit``."""
        parts = shared(batches, self.replicas)
        return self.strategy.distribute_datasets_from_function(lambda _: parts) if self.replicas > 1 else batches

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Has Keras build and compile a model for these devices and this precision."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)


def choose(device: str, precision: str) -> Hardware:
    """Finds the devices and sets them up.

    Args:
        device: See ``Device``.
        precision: See ``Precision``.

    Returns:
        The devices: every GPU that TensorFlow sees, or every logical CPU, of which there is one unless somebody
        configured more.

    Raises:
        NoGpuError: ``device`` is ``gpu`` and TensorFlow sees none.
        ValueError: ``device`` or ``precision`` is none of those named.
    """
    for value, choice in ((device, Device), (precision, Precision)):
        if value not in get_args(choice):
            raise ValueError(f"{value}: expected one of {', '.join(get_args(choice))}")
    gpus = [] if device == "cpu" else _gpus()
    if device == "gpu":
        require_gpu()
    names = [logical.name for logical in gpus or tf.config.list_logical_devices("CPU")]
    precision = precision_in_force(device, precision)
    hardware = Hardware(names, precision, _strategy(names, default=device != "cpu" or not _physical_gpus()))
    logger.info("training on %s in %s", _described(gpus, names), precision)
    return hardware


def precision_in_force(device: str, precision: str) -> str:
    """The Keras dtype policy that a ``Precision`` means on a ``Device``; ``fastest`` takes a CPU 0.1 s to find out."""
    if precision not in ("auto", "fastest"):
        return precision
    if device != "cpu" and _physical_gpus():
        return "mixed_float16" if all(map(_has_tensor_cores, _physical_gpus())) else "float32"
    return "mixed_bfloat16" if precision == "fastest" and _gain_of_bfloat16() >= FASTER else "float32"


def _gain_of_bfloat16() -> float:
    """How many times as fast as float32 a CPU convolves in bfloat16, in turns, by CPU time, as it may be busy."""
    convolve = tf.function(lambda images, kernel: tf.nn.conv2d(images, kernel, 1, "SAME"), autograph=False)

    def cpu_seconds(images: tf.Tensor, kernel: tf.Tensor) -> float:
        start = time.process_time()
        convolve(images, kernel).numpy()
        return time.process_time() - start

    with tf.device("CPU:0"):
        shapes = (64, 14, 14, 64), (3, 3, 64, 64)
        float32, bfloat16 = ([tf.ones(shape, dtype) for shape in shapes] for dtype in (tf.float32, tf.bfloat16))
        tries = [(cpu_seconds(*float32), cpu_seconds(*bfloat16)) for _ in range(TRIES)]
    return statistics.median(first for first, _ in tries) / statistics.median(second for _, second in tries)


def require_gpu() -> None:
    """Raises ``NoGpuError`` where TensorFlow sees no GPU."""
    if _physical_gpus():
        return
    built = "it was built for GPUs, so the driver or the CUDA libraries are missing"
    reason = built if tf.test.is_built_with_cuda() else "it was built without support for GPUs"
    raise NoGpuError(
        f"device gpu: TensorFlow sees no GPU here, and {reason}; give the device auto to go on with the CPU"
    )


def _physical_gpus() -> list[tf.config.PhysicalDevice]:
    return tf.config.list_physical_devices("GPU")  # type: ignore[no-any-return]


def _gpus() -> list[tf.config.LogicalDevice]:
    for gpu in _physical_gpus():
        # Too late once TensorFlow uses the GPU; TF_FORCE_GPU_ALLOW_GROWTH says the same from the start.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    return tf.config.list_logical_devices("GPU")  # type: ignore[no-any-return]


def _has_tensor_cores(gpu: tf.config.PhysicalDevice) -> bool:
    capability = tf.config.experimental.get_device_details(gpu).get("compute_capability")
    return capability is not None and capability >= TENSOR_CORES


def _strategy(names: Sequence[str], *, default: bool) -> tf.distribute.Strategy:
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(names)
    return tf.distribute.get_strategy() if default else tf.distribute.OneDeviceStrategy(names[0])


def _described(gpus: Sequence[tf.config.LogicalDevice], names: Sequence[str]) -> str:
    kind = "GPU" if gpus else "CPU"
    models = [tf.config.experimental.get_device_details(gpu).get("device_name", kind) for gpu in _physical_gpus()]
    model = f" ({', '.join(sorted(set(models)))})" if gpus else ""
    return f"{len(names)} x {kind}{model}, mirrored" if len(names) > 1 else f"1 {kind}{model}"
