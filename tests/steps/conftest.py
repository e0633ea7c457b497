"""The object store that models are pushed to."""

from tests.object_stores import endpoint, keys, s3  # noqa: F401 - fixtures
