"""What a person must know of a package that its file cannot say to Kubeflow."""

from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.kubeflow.package.step_settings import serving_uri

_MOVING_TAGS = frozenset({"", "latest", "main", "master", "dev", "nightly"})


def notes(config: KubeflowConfig) -> list[str]:
    """Lists what is to be known before the first run.

    Args:
        config: The configuration.

    Returns:
        A line for each.
    """
    lines = [f"image {config.image}: the cluster's nodes must have it, or be able to fetch it"]
    lines += [f"  {warning}" for warning in image_warnings(config)]
    lines.append(f"models go to {serving_uri(config)}")
    if config.service_account:
        lines.append(f"service account {config.service_account}: choose it with each run; a package cannot hold it")
    return lines


def images(config: KubeflowConfig) -> list[str]:
    """All images that the steps run in, the common one first, each once."""
    own = [settings.image for _, settings in sorted(config.steps.items()) if "image" in settings.model_fields_set]
    return list(dict.fromkeys([config.image, *own]))


def image_warnings(config: KubeflowConfig) -> list[str]:
    """Says of each image without a digest what may follow from that.

    Args:
        config: The configuration.

    Returns:
        A line for each image whose name may mean other content tomorrow; strong where its tag is known to move.
    """
    warnings = []
    for image in images(config):
        if is_floating(image):
            warnings.append(
                f"image {image}: its tag may move: Kubeflow's cache then reuses what older code computed; name its "
                "digest, which make image-push prints, or give each build a tag of its own"
            )
        elif not has_digest(image):
            warnings.append(f"image {image}: a tag can be pushed anew; a digest, which make image-push prints, cannot")
    return warnings


def is_floating(image: str) -> bool:
    """Whether an image's name has no tag, or one that is known to move, and no digest."""
    if has_digest(image):
        return False
    return image.rsplit("/", 1)[-1].partition(":")[2] in _MOVING_TAGS


def has_digest(image: str) -> bool:
    """Whether an image's name ends with a digest, which always means the same content."""
    return "@" in image
