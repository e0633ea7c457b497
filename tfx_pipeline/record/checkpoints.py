"""Where trainer and tuner keep checkpoints, so that a later run finds those of the same training and no others."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import require_no_pattern

CHECKPOINTS_VARIABLE: Final = "TRAINER_CHECKPOINTS"
"""Environment variable with a folder that outlives the step; without it, there are no checkpoints.

It is no parameter of the trainer, since where checkpoints lie must not keep a result from being reused. On Kubeflow, it
needs a volume: ``pvc_mounts`` and ``env``, for the trainer alone.
"""


def checkpoint_dir(properties: Mapping[str, Any], inputs: Iterable[str]) -> str | None:
    """Names the folder for the checkpoints of one training.

    Args:
        properties: What determines the training besides its inputs.
        inputs: Directories of the input artifacts; their content counts, not their place.

    Returns:
        A folder that no other training has; None where no checkpoints are kept.

    Raises:
        UserError: The variable holds a URL or a pattern.
    """
    place = os.environ.get(CHECKPOINTS_VARIABLE)
    check_place(place or "")
    return str(Path(place, _key(properties, inputs))) if place else None


def check_place(place: str) -> None:
    """Refuses what is no folder, with a ``UserError``: a URL would become a folder of that name, a pattern several."""
    require_no_pattern(place, f"{CHECKPOINTS_VARIABLE}:")
    if "://" in place:
        raise UserError(
            f"{CHECKPOINTS_VARIABLE}={place}: checkpoints need a folder, such as that of a mounted claim, and no URL"
        )


def _key(properties: Mapping[str, Any], inputs: Iterable[str]) -> str:
    digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode())
    for directory in inputs:
        for path in sorted(p for p in Path(directory).rglob("*") if p.is_file()):
            digest.update(f"{path.relative_to(directory)}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]
