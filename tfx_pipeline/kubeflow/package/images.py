"""The images that the steps run in, and what follows from a name that may mean other content tomorrow."""

from tfx_pipeline.config.kubeflow import KubeflowConfig

_MOVING_TAGS = frozenset({"", "latest", "main", "master", "dev", "nightly"})


def images(config: KubeflowConfig) -> list[str]:
    """All images that the steps run in, the common one first, each once."""
    own = [settings.image for _, settings in sorted(config.steps.items()) if "image" in settings.model_fields_set]
    return list(dict.fromkeys([config.image, *own]))


def image_warnings(config: KubeflowConfig) -> list[str]:
    """Warns, in a line each, of images without a digest; more strongly where the tag is known to move."""
    warnings = []
    for image in images(config):
        if is_floating(image):
            warnings.append(
                f"image {image}: its tag may move: Kubeflow's cache then reuses what older code computed; name its "
                "digest, which make image-push prints, or give each build a tag of its own"
            )
        elif not _has_digest(image):
            warnings.append(f"image {image}: a tag can be overwritten; a digest, which make image-push prints, cannot")
    return warnings


def is_floating(image: str) -> bool:
    """Whether an image's name has no digest, and no tag or one that is known to move."""
    return not _has_digest(image) and image.rsplit("/", 1)[-1].partition(":")[2] in _MOVING_TAGS


def _has_digest(image: str) -> bool:
    return "@" in image
