"""Where the launcher puts an artifact in the container's file system.

The rules are those of ``LocalPathForURI`` and ``retrieveArtifactPath`` in Kubeflow Pipelines'
``backend/src/v2/component/launcher_v2.go``.
"""

from typing import Final

from tfx_pipeline.kubeflow.step.messages import Message

MOUNTS: Final = {"gs": "/gcs/", "s3": "/s3/", "minio": "/minio/"}
"""The launcher's directory for the objects of each scheme."""

WORKSPACE_ARTIFACTS: Final = "/kfp-workspace/.artifacts"
WORKSPACE_FLAG: Final = "_kfp_workspace"
"""Metadata key of an artifact that lies in the run's workspace volume, and is not downloaded."""


def local_path_of_uri(uri: str) -> str:
    """Maps a URI to the launcher's path; a URI of no object store, as ``kfp.local`` has them, is a path already."""
    scheme, separator, rest = uri.partition("://")
    if separator and scheme in MOUNTS:
        return MOUNTS[scheme] + rest
    if separator and scheme == "oci":
        return f"/oci/{rest.replace('/', '_')}/models"
    return uri


def local_path(artifact: Message) -> str:
    """The path of a ``RuntimeArtifact``: in the workspace if it is flagged so, else its custom path or its URI's."""
    path = local_path_of_uri(artifact["uri"])
    if artifact.get("metadata", {}).get(WORKSPACE_FLAG):
        return WORKSPACE_ARTIFACTS + path
    return artifact.get("customPath") or path
