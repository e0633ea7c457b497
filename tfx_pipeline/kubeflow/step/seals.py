"""Seals what a step writes in its pod, and finds the seals of what it reads: they travel as artifacts' metadata."""

from pathlib import Path

from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, map_metadata, title_of
from tfx_pipeline.record import seal


def sealed_inputs(prepared: Message) -> list[seal.Input]:
    """What a step reads, with the seals."""
    return [
        seal.Input(Path(artifact["uri"]), artifact.get("metadata", {}).get(seal.PROPERTY, ""))
        for _key, artifact in artifacts_of(prepared["inputs"])
    ]


def with_seals(executor_output: Message, prepared: Message, step: str) -> Message:
    """Seals the outputs of a step that has ended, but for what the page shows with all its metadata.

    Args:
        executor_output: With local paths.
        prepared: The step's ``ExecutorInput``, with local paths.
        step: Its name.
    """
    outputs = {key: artifact for key, artifact in artifacts_of(prepared["outputs"]) if _is_read(artifact)}

    def add_seal(key: str, metadata: Message) -> Message:
        if key not in outputs:
            return metadata
        return {**metadata, seal.PROPERTY: seal.sealed(step, outputs[key]["uri"])}

    return map_metadata(executor_output, add_seal)


def _is_read(artifact: Message) -> bool:
    """Whether a step may read an artifact: the page's own no step does, and one without files has none to seal."""
    path = Path(artifact["uri"])
    has_files = path.is_file() or any(child.is_file() for child in path.rglob("*"))
    return has_files and not title_of(artifact).startswith("system.")
