"""What a person must know of a package that its file cannot say to Kubeflow."""

from tfx_pipeline.config_kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.steps import serving_uri


def notes(config: KubeflowConfig) -> list[str]:
    """Lists what is to be known before the first run.

    Args:
        config: The configuration.

    Returns:
        A line for each.
    """
    lines = [f"image {config.image}: the cluster's nodes must have it, or be able to fetch it"]
    if is_floating(config.image):
        lines.append(
            "  its tag may move: Kubeflow's cache then reuses what older code computed; give each build its own"
        )
    lines.append(f"models go to {serving_uri(config)}")
    if config.service_account:
        lines.append(f"service account {config.service_account}: choose it with each run; a package cannot hold it")
    return lines


def is_floating(image: str) -> bool:
    """Whether an image's name has no tag, or one that is known to move, and no digest."""
    if "@" in image:
        return False
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    return tag in ("", "latest", "main", "master", "dev", "nightly")
