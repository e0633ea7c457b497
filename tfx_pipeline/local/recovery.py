"""Puts the output directory in order after a run that died: nothing looks finished that is not."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ml_metadata import errors
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from tfx_pipeline.process.errors import UserError, flat, is_disk_full
from tfx_pipeline.record.output import Output

_LOCKED: Final = ("database is locked", "Concurrent writes aborted")
"""SQLite's words, and ML Metadata's after it tried for a minute."""

_UNFINISHED: Final = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)


def recover(output: Output) -> Path | None:
    """Makes what earlier runs left usable, while no other run uses the directory.

    Executions that ML Metadata has as running died with their process: they are marked as failed, and what they wrote
    is deleted.

    Returns:
        Where artifacts without an execution in ML Metadata were moved, since their numbers will be given again; None
        where there were none.

    Raises:
        UserError: ``metadata.db`` is damaged, or is no ML Metadata.
    """
    if output.metadata.exists():
        _check(output.metadata)
        if fail_unfinished(output):
            return None
    if not output.pipeline.is_dir():
        return None
    aside = output.root / f"pipeline-before-{output.run_id}"
    output.pipeline.rename(aside)
    return aside


def fail_unfinished(output: Output) -> int:
    """Marks unfinished executions in an existing ``metadata.db`` as failed, and deletes what they wrote.

    Returns:
        How many executions there are, finished or not.

    Raises:
        UserError: ``metadata.db`` is no ML Metadata.
    """
    with _database_errors_as_user_errors(output.metadata):
        store = MetadataStore(_connection(output.metadata))
        executions = store.get_executions()
        unfinished = [execution for execution in executions if execution.last_known_state in _UNFINISHED]
        for execution in unfinished:
            execution.last_known_state = metadata_store_pb2.Execution.FAILED
            _delete_outputs(output.pipeline, execution.id)
        if unfinished:
            store.put_executions(unfinished)
    for directory in output.pipeline.glob("*/.system/stateful_working_dir/*"):
        shutil.rmtree(directory, ignore_errors=True)
    return len(executions)


def _delete_outputs(pipeline: Path, execution: int) -> None:
    """Deletes the directories that TFX names by an execution: <component>/<output>/<execution>, and its own."""
    for pattern in (f"*/*/{execution}", f"*/.system/executor_execution/{execution}"):
        for directory in pipeline.glob(pattern):
            shutil.rmtree(directory, ignore_errors=True)


def _connection(database: Path) -> metadata_store_pb2.ConnectionConfig:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(database)
    return config


def _check(database: Path) -> None:
    with _database_errors_as_user_errors(database), contextlib.closing(sqlite3.connect(database)) as connection:
        if not os.access(database, os.W_OK):
            raise sqlite3.OperationalError("no right to write it")
        # SQLite notices most damage only where it happens to read.
        (result,) = connection.execute("pragma quick_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(result)


@contextlib.contextmanager
def _database_errors_as_user_errors(database: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, errors.StatusError, RuntimeError) as error:
        if is_disk_full(error):
            raise
        if any(words in str(error) for words in _LOCKED):
            raise UserError(
                f"{database}: another process holds it ({flat(error)}), such as a viewer of SQLite files; close that, "
                "or wait for its end, and run again"
            ) from error
        if isinstance(error, RuntimeError):
            raise
        raise UserError(
            f"{database}: is no ML Metadata that can be used ({flat(error)}); put a copy of it back, or move it away, "
            "so that every step runs again"
        ) from error
