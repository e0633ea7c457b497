"""The tutorial's second step: ``python -m bench.tutorial.train DATA_DIR MODEL_DIR``.

Trains ten epochs at batch size 32 on the pickles, evaluates, exports, and writes the model's path to ``output.txt``.
"""

import pickle
import sys
import time
from pathlib import Path
from typing import Any

import keras


def main(data_dir: Path, model_dir: Path) -> None:
    """Trains, evaluates and exports; prints the test loss and accuracy as the tutorial does."""
    arrays: dict[str, Any] = {}
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        with (data_dir / f"{name}.pickle").open("rb") as pickled:
            arrays[name] = pickle.load(pickled)  # noqa: S301 - written by the first step
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(arrays["train_images"], arrays["train_labels"], epochs=10)
    loss, accuracy = model.evaluate(arrays["test_images"], arrays["test_labels"])
    sys.stdout.write(f"Test Loss: {loss}\nTest Acc: {accuracy}\n")
    path = model_dir / str(int(time.time()))
    model.export(path)
    (model_dir / "output.txt").write_text(str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
