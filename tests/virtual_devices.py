"""Trains in a process whose CPU counts as several devices: ``python -m tests.virtual_devices COUNT ... < JSON``.

Prints the test accuracy, the signatures and what each training logged as one line of JSON; TensorFlow can only be told
of virtual devices before it uses any, so each count takes a process of its own.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from modules.features import LABEL_KEY
from modules.trainer import run_fn
from tests.small_run import ROOT, Run
from tests.training import fn_args


def train_on(count: int, run: Run, directory: Path, **hyperparameters: Any) -> dict[str, Any]:
    """Trains on ``count`` virtual CPU devices with the examples and the transform graph of a run."""
    examples = {directory: run.artifact("example-gen", "examples")}
    return train_each(count, run, examples, **hyperparameters)[0]


def train_each(
    count: int, run: Run, examples: dict[Path, Path], environment: dict[str, str] | None = None, **hyperparameters: Any
) -> list[dict[str, Any]]:
    """Trains once with each of several folders of examples, into the directory that is its key, in one process."""
    request = {
        "count": count,
        "transform": str(run.artifact("transform", "transform_graph")),
        "examples": {str(directory): str(folder) for directory, folder in examples.items()},
        "hyperparameters": hyperparameters,
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def main(request: dict[str, Any]) -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * request["count"])
    results = [
        train(examples, request["transform"], Path(directory), request["hyperparameters"])
        for directory, examples in request["examples"].items()
    ]
    sys.stdout.write("\n" + json.dumps(results) + "\n")


def train(examples: str, transform: str, directory: Path, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("modules").addHandler(handler)
    logging.getLogger("modules").setLevel(logging.INFO)
    run_fn(fn_args(examples, transform, directory, **hyperparameters))
    logging.getLogger("modules").removeHandler(handler)
    signatures = tf.saved_model.load(directory / "model").signatures
    files = tf.io.gfile.glob(f"{examples}/Split-eval/*")
    records = list(tf.data.TFRecordDataset(files, "GZIP"))
    labels = tf.io.parse_example(records, {LABEL_KEY: tf.io.FixedLenFeature([], tf.int64)})[LABEL_KEY]
    classes = signatures["serving_default"](examples=tf.stack(records))["classes"]
    described = {
        name: {
            "inputs": {key: repr(spec) for key, spec in signature.structured_input_signature[1].items()},
            "outputs": {key: repr(spec) for key, spec in signature.structured_outputs.items()},
        }
        for name, signature in signatures.items()
    }
    accuracy = float(tf.reduce_mean(tf.cast(tf.equal(classes, labels), tf.float32)))
    return {"accuracy": accuracy, "signatures": described, "log": lines}


if __name__ == "__main__":
    main(json.load(sys.stdin))
