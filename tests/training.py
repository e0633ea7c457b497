"""What TFX's Trainer hands to run_fn, for tests that call it themselves."""

from pathlib import Path
from typing import Any

from tfx.components.trainer.fn_args_utils import FnArgs

HYPERPARAMETERS = {
    "model_name": "dense", "epochs": 1, "batch_size": 64, "learning_rate": 0.001, "seed": 1,
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
    args.transform_output = str(transform)
    return args
