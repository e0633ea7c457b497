"""Object stores by URL: s3://, gs://, and minio://, the S3-compatible store that Kubeflow Pipelines comes with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from tfx_pipeline.process.errors import UserError, flat

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SCHEMES: Final = ("s3", "gs", "minio")
STOCK_ENDPOINT: Final = "http://seaweedfs.kubeflow:9000"
"""What minio:// means where MINIO_ENDPOINT does not say otherwise: the store of Kubeflow Pipelines 2.16 and 2.17."""

_HINTS: Final = {
    "minio": "check the location, MINIO_ENDPOINT, MINIO_ACCESS_KEY and MINIO_SECRET_KEY",
    "s3": "check the location, AWS_ENDPOINT_URL where it is not AWS, and the credentials (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or the pod's identity)",
    "gs": "check the location and the credentials (GOOGLE_APPLICATION_CREDENTIALS, or the pod's identity)",
}
_S3_CONFIG: Final = {
    # A store that does not answer costs a step minutes, not the hour that botocore would try.
    "connect_timeout": 10,
    "read_timeout": 60,
    "retries": {"max_attempts": 4},
    # Amazon's newer checksums, which botocore sends with every object, are unknown to other stores.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


def handles(uri: str) -> bool:
    """Tells whether a location is a URL of one of these stores."""
    return _scheme(uri) in SCHEMES


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else ""


def check_place(place: str) -> str:
    """Returns a place to write to, where it means the same to every process: a pod's own folder is gone with the pod.

    Args:
        place: An absolute path, or the URL of a folder in a store.

    Raises:
        ValueError: It is neither, or may be another folder than it seems to be.
    """
    if not (place.startswith("/") or handles(place)):
        raise ValueError("expected a path, s3://, gs:// or minio://, the path from / on")
    if place != place.strip() or not place.isprintable():
        raise ValueError("expected no blanks around it and no control characters")
    if not place.strip("/"):
        raise ValueError("expected a folder, not the root of a file system")
    if handles(place):
        bucket, *parts = place.partition("://")[2].rstrip("/").split("/")
        if not bucket:
            raise ValueError(f"names no bucket, expected {_scheme(place)}://BUCKET/FOLDER")
        if {"", ".", ".."}.intersection((bucket, *parts)):
            raise ValueError("expected no empty part, no . and no .. between its slashes")
    return place


def is_folder_marker(name: str) -> bool:
    """Tells whether an object only marks a folder, as the tools of several stores and Hadoop leave them."""
    return name.endswith(("/", "_$folder$"))


def filesystem(uri: str) -> "tuple[AbstractFileSystem, str]":
    """Opens the store that a URL names.

    Credentials come from the environment: MINIO_ACCESS_KEY and MINIO_SECRET_KEY for minio://, so that they can stand
    beside an identity for s3://; for s3:// and gs://, what botocore and Google's libraries look for themselves.

    Args:
        uri: A URL with one of ``SCHEMES``.

    Returns:
        The file system, which remembers no listings, and the path in it: bucket and key.

    Raises:
        UserError: The URL has no bucket.
    """
    import fsspec  # noqa: PLC0415 - most runs need no object store

    scheme, path = _scheme(uri), uri.partition("://")[2].rstrip("/")
    if not path or path.startswith("/"):
        raise UserError(f"{uri}: names no bucket, expected {scheme}://BUCKET/FOLDER")
    options: dict[str, Any] = {"use_listings_cache": False}
    if scheme == "gs":
        # By the name "gs", gcsfs asks for the kind of each bucket with each call, and complains without credentials.
        from gcsfs.core import GCSFileSystem  # noqa: PLC0415

        return GCSFileSystem(**options), path
    options["config_kwargs"] = _S3_CONFIG
    # botocore reads it too, but fsspec keeps file systems by their options, and another endpoint is another one.
    options["endpoint_url"] = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme == "minio":
        options["endpoint_url"] = os.environ.get("MINIO_ENDPOINT") or STOCK_ENDPOINT
        options["key"] = os.environ.get("MINIO_ACCESS_KEY")
        options["secret"] = os.environ.get("MINIO_SECRET_KEY")
    return fsspec.filesystem("s3", **options), path


@contextmanager
def store_errors_as_user_errors(uri: str) -> Iterator[None]:
    """Turns whatever a store's client raises into a ``UserError`` that names the location."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each store's client raises errors of its own
        raise UserError(f"{uri}: {flat(error).rstrip('.')}; {_HINTS[_scheme(uri)]}") from error


def open_file(uri: str) -> BinaryIO:
    """Opens the object at a URL for reading, as a file that can seek."""
    store, path = filesystem(uri)
    stream: BinaryIO = store.open(path, "rb")
    return stream
