"""Lets a step import ``modules`` from the checkout that it has as an input."""

from pathlib import Path
from typing import Final

from tfx_pipeline.kubeflow.step.messages import Message
from tfx_pipeline.kubeflow.step.modules_path import import_modules_from

SOURCE: Final = "source"
"""Key of the checkout among a step's inputs; see ``tfx_pipeline.components.source_checkout``."""


def import_from_source(executor_input: Message) -> Message:
    """Puts the checkout in place, and takes it out of the inputs: TFX's components know nothing of it.

    Args:
        executor_input: A prepared ``ExecutorInput``, with local paths; most steps have no checkout.

    Returns:
        The message without the checkout.

    Raises:
        RuntimeError: ``modules`` was imported already.
        FileNotFoundError: The checkout was not downloaded.
    """
    inputs = executor_input.get("inputs", {})
    artifacts = dict(inputs.get("artifacts", {}))
    checkout = artifacts.pop(SOURCE, None)
    if checkout is None:
        return executor_input
    import_modules_from(Path(checkout["artifacts"][0]["uri"]))
    return {**executor_input, "inputs": {**inputs, "artifacts": artifacts}}
