"""What TFX's Trainer hands to run_fn, for tests that call it themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

HYPERPARAMETERS = {
    "model_name": "dense", "epochs": 1, "batch_size": 64, "learning_rate": 0.001, "seed": 1,
    "label_smoothing": 0.0, "class_weight": "equal", "validation_fraction": 0.0, "early_stopping": 0,
    "device": "auto", "precision": "auto", "determinism": "off",
}  # fmt: skip


def fn_args(examples: Path, transform: Path, directory: Path, **hyperparameters: Any) -> FnArgs:
    """Arguments that train on examples with a transform graph, to `model` and `logs` in a directory."""
    args = FnArgs(
        train_files=[f"{examples}/Split-train/*"],
        eval_files=[f"{examples}/Split-eval/*"],
        serving_model_dir=str(directory / "model"),
        model_run_dir=str(directory / "logs"),
        custom_config=HYPERPARAMETERS | hyperparameters,
    )
    args.transform_graph_path = str(transform)
    return args


def first_examples(examples: Path, directory: Path, **counts: int) -> Path:
    """Writes the first so many examples of each named split into a directory, as example-gen does."""
    for split, count in counts.items():
        files = tf.io.gfile.glob(f"{examples}/Split-{split}/*")
        (directory / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(directory / f"Split-{split}" / "data.gz"), "GZIP") as writer:
            for record in tf.data.TFRecordDataset(files, "GZIP").take(count):
                writer.write(record.numpy())
    return directory


def grey_logits(directory: Path) -> np.ndarray:
    """The logits of the model in a directory of `fn_args` for one image of every grey, [256, 10]."""
    images = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 28, 28))
    return (
        tf.saved_model.load(directory / "model")
        .signatures["serving_images"](images=tf.constant(images))["logits"]
        .numpy()
    )
