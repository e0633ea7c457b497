"""The bare Keras fit: ``python -m bench.fit IDX_DIR``.

Prints the seconds of each epoch as JSON. The same model and settings as the pipeline's, from arrays in memory,
validated after each epoch as the pipeline does.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np

from bench.tutorial.preprocessing import FILES
from modules import models
from modules.hyperparameters import models_defaults
from modules.trainer import EVAL_BATCH_SIZE


def main(idx_dir: Path) -> None:
    """Fits and prints."""
    arrays = {
        name: np.frombuffer((idx_dir / file).read_bytes(), np.uint8, offset=header)
        for name, (file, header) in FILES.items()
    }
    train, test = (
        arrays[f"{split}_images"].reshape(-1, 28, 28).astype(np.float32) / 255 for split in ("train", "test")
    )
    model, settings = models.build("dense"), models_defaults("dense")
    model.compile(
        keras.optimizers.Adam(settings["learning_rate"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    times = [time.monotonic()]
    model.fit(
        train,
        arrays["train_labels"],
        batch_size=settings["batch_size"],
        epochs=settings["epochs"],
        validation_data=(test, arrays["test_labels"]),
        validation_batch_size=EVAL_BATCH_SIZE,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: times.append(time.monotonic()))],
        verbose=0,
    )
    sys.stdout.write(json.dumps(np.diff(times).tolist()) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
