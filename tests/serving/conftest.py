"""The object stores that models are pushed to."""

from tests.object_stores import endpoint, gcs, keys, s3  # noqa: F401 - fixtures
