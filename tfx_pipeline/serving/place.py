"""The place that models are pushed to and the baseline is found in: a directory, or a folder of an object store."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError, is_disk_full
from tfx_pipeline.serving.directory import ServingDirectory

if TYPE_CHECKING:
    from tfx_pipeline.serving.bucket import ServingBucket

ServingPlace: TypeAlias = "ServingDirectory | ServingBucket"
"""Numeric versions of SavedModels; whoever looks for ``saved_model.pb`` sees a whole version or none."""


def open_place(uri: str) -> ServingPlace:
    """Opens a serving place, which need not exist.

    Raises:
        UserError: It is another one, as Kubeflow's page sends for a cleared field.
    """
    try:
        object_store.check_place(uri)
    except ValueError as error:
        shown = uri if uri and uri.isprintable() else f"run parameter serving_dir: {uri!r}"
        raise UserError(f"{shown}: models cannot be pushed there, {error}") from error
    if object_store.handles(uri):
        from tfx_pipeline.serving.bucket import ServingBucket  # noqa: PLC0415 - its clients take a second to load

        return ServingBucket(uri)
    return ServingDirectory(Path(uri))


@contextmanager
def serving_place(uri: str) -> Iterator[ServingPlace]:
    """Opens a serving place; a ``UserError`` says what kept it from being read or written."""
    place = open_place(uri)
    if object_store.handles(uri):
        with object_store.store_errors_as_user_errors(uri):
            yield place
        return
    try:
        yield place
    except OSError as error:
        file, reason = _problem(error)
        if is_disk_full(error):
            raise UserError(f"{file}: the disk is full; make room there and run again") from error
        raise UserError(
            f"{uri}: the serving directory cannot be used ({reason}: {file}); make it readable and writable for the "
            "user that runs this"
        ) from error


def _problem(error: OSError) -> tuple[str, str]:
    """The file that an error is about, and what the operating system said."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # Copying a directory collects the errors of all its files: (source, target, text).
        _, target, reason = error.args[0][0]
        return str(target), str(reason)
    return str(error.filename), error.strerror or str(error)
