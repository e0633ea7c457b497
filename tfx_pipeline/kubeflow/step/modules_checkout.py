"""Lets a step import ``modules`` from the checkout that it has as an input, instead of from the image."""

import os
import sys
from pathlib import Path
from typing import Final

from tfx_pipeline.kubeflow.step.messages import Message
from tfx_pipeline.steps.git import CHECKOUT_KEY, PACKAGE

PROJECT: Final = Path(__file__).parents[3]


def import_modules_from_checkout(executor_input: Message) -> Message:
    """Puts the checkout in place, and takes it out of the inputs: TFX's components know nothing of it.

    Raises:
        RuntimeError: ``modules`` was imported already: part of the code would be the image's.
        FileNotFoundError: The checkout was not downloaded.
    """
    inputs = executor_input.get("inputs", {})
    artifacts = dict(inputs.get("artifacts", {}))
    checkout = artifacts.pop(CHECKOUT_KEY, None)
    if checkout is None:
        return executor_input
    _import_modules_from(Path(checkout["artifacts"][0]["uri"]))
    return {**executor_input, "inputs": {**inputs, "artifacts": artifacts}}


def _import_modules_from(directory: Path) -> None:
    """Puts a checkout before everything else that Python imports from, in this process and in those it starts."""
    if sys.path[0] == str(directory):
        return  # a component before this one in the same process has done so
    if PACKAGE in sys.modules:
        raise RuntimeError(f"{PACKAGE} was imported before the checkout was in place")
    if not (directory / PACKAGE / "__init__.py").is_file():
        raise FileNotFoundError(f"{directory}: no {PACKAGE}/__init__.py in the checkout")
    sys.path.insert(0, str(directory))
    paths = [str(directory), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(PROJECT)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    # A process that is started with `python -m` would look into the working directory first: that of the image.
    os.environ["PYTHONSAFEPATH"] = "1"
