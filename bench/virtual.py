"""Runs a script on a CPU that counts as several devices: ``python -m bench.virtual COUNT SCRIPT ARGUMENTS...``.

TensorFlow can be told of virtual devices only before it uses any, so this process becomes the script's.
"""

import runpy
import sys

import tensorflow as tf


def main(count: int, script: str, *arguments: str) -> None:
    """Divides the CPU and runs the script with its arguments."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
