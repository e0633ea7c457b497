"""Trains with each extreme setting in one process of its own: ``python -m tests.train_extremes < JSON``.

Op determinism, once enabled, stays; and TensorFlow is loaded once for all. Prints, for each setting, what was wrong or
what the trained model answers, as one line of JSON.
"""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tfx.types import artifact_utils, standard_artifacts

from tests.small_run import ROOT
from tests.training import grey_logits
from tfx_pipeline.components.trainer import Executor
from tfx_pipeline.config.sections import TrainingConfig
from tfx_pipeline.process.errors import UserError

EPOCHS = 2
"""After so many, a training that has more before it is ended from outside."""


class EnoughError(Exception):
    """The training goes on as it should."""


class Watch(logging.Handler):
    """Ends a training after so many epochs; Keras passes an error of a handler on."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(f"epoch {EPOCHS + 1}/"):
            raise EnoughError(record.getMessage())


def train_each(examples: Path, transform: Path, folder: Path, cases: list[tuple[str, Any]]) -> list[dict[str, str]]:
    """Trains once with each (key, value); returns {"error": ...} or {"logits": ...} for each."""
    request = {"examples": str(examples), "transform": str(transform), "folder": str(folder), "cases": cases}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def train(examples: str, transform: str, folder: Path, values: dict[str, Any]) -> dict[str, str]:
    inputs = {"examples": standard_artifacts.Examples(), "transform_graph": standard_artifacts.TransformGraph()}
    inputs["examples"].uri, inputs["transform_graph"].uri = examples, transform
    inputs["examples"].split_names = artifact_utils.encode_split_names(["train", "eval"])
    outputs = {"model": standard_artifacts.Model(), "model_run": standard_artifacts.ModelRun()}
    for name, output in outputs.items():
        output.uri = str(folder / name)
    given = {"epochs": 1, "batch_size": 20, "validation_fraction": 0.5} | values
    properties = {name: v for name, v in TrainingConfig(**given).model_dump().items() if v is not None}
    properties |= {"run_fn": "modules.trainer.run_fn", "train_args": "{}", "eval_args": "{}"}
    try:
        Executor(Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")).Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {name: [artifact] for name, artifact in outputs.items()},
            properties,
        )
    except UserError as error:
        return {"error": str(error)}
    except EnoughError as enough:
        return {"epoch": str(enough)}
    (folder / "model" / "Format-Serving").rename(folder / "model" / "model")
    return {"logits": "finite" if np.isfinite(grey_logits(folder / "model")).all() else "not finite"}


def main(request: dict[str, Any]) -> None:
    logging.getLogger("modules").addHandler(Watch())
    logging.getLogger("modules").setLevel(logging.INFO)
    results = [
        train(
            request["examples"], request["transform"], Path(request["folder"], str(index)), {key.split(".")[1]: value}
        )
        for index, (key, value) in enumerate(request["cases"])
    ]
    sys.stdout.write("\n" + json.dumps(results) + "\n")


if __name__ == "__main__":
    main(json.load(sys.stdin))
