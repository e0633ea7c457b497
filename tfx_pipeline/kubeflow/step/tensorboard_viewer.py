"""The artifact from which Kubeflow's page makes its button "Start Tensorboard".

It is a file that the page of v1 knew; that of 2.17 still reads it by its name (`OutputArtifactLoader.ts`), and needs a
namespace for the button: with several users there is one. A stand-alone Kubeflow is told the command instead.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from tfx_pipeline.kubeflow.step.local_paths import local_path
from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of

EVENTS: Final = "tensorboard"
"""The step's output whose address TensorBoard is given."""

OUTPUT: Final = "mlpipeline-ui-metadata"
"""The name by which the page finds the file; its type is ``system.Artifact``."""

VARIABLE: Final = "TENSORBOARD_VIEWER"
"""Holds the viewer as JSON, but for the address: the package knows the image, and the step the run."""

STAND_ALONE: Final = "ML_PIPELINE_SERVICE_HOST"
"""Kubernetes sets it where the API server's service is in the pod's own namespace, as without profiles."""


def write_viewer(executor_input: Message) -> None:
    """Writes the file, if the step has the output."""
    outputs = dict(artifacts_of(executor_input["outputs"]))
    if OUTPUT not in outputs:
        return
    path = Path(local_path(outputs[OUTPUT]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"outputs": [_viewer(outputs[EVENTS]["uri"])]}), encoding="utf-8")


def _viewer(uri: str) -> dict[str, Any]:
    # `kfp.local` hands on no variables of the package.
    if VARIABLE in os.environ and STAND_ALONE not in os.environ:
        return {**json.loads(os.environ[VARIABLE]), "source": uri}
    command = f"python kubeflow_runner.py --tensorboard-manifest {uri} | kubectl apply -f -"
    text = f"TensorBoard on the cluster, with the flags of the package before the bar:\n\n    {command}\n"
    return {"type": "markdown", "storage": "inline", "source": text}
