"""The pod that serves a TensorBoard, as Kubeflow's page starts one."""

from typing import Any, Final

from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.pod import pod_template
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.steps.table import TENSORBOARD

COMMAND: Final = ("python3", "-m", "tfx_pipeline.kubeflow.tensorboard")
VIEWER_ACCOUNT: Final = "default-editor"
"""The service account that Kubeflow makes in each profile, and that its page gives a TensorBoard."""


def viewer(config: KubeflowConfig) -> dict[str, Any]:
    """What Kubeflow's page needs for its button "Start Tensorboard", but for the address of the events.

    The page's controller names the container and replaces image and arguments; the command stays.
    """
    settings = without_claims(settings_of(TENSORBOARD.name, config))
    account = config.service_account or VIEWER_ACCOUNT
    return {
        "type": "tensorboard",
        "image": settings.image,
        "pod_template_spec": pod_template(TENSORBOARD.name, settings, {"command": list(COMMAND)}, account),
    }


def without_claims(settings: StepSettings) -> StepSettings:
    """The steps' own claims would keep it on their node."""
    return settings.model_copy(update={"pvc_mounts": {}})
