"""What is said of an ML Metadata that cannot be used."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ml_metadata.metadata_store import MetadataStore
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from tfx_pipeline.local.recovery import recover
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output import new_run

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("begin exclusive")
print(flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """Another process holds the database, as a viewer of SQLite files may."""
    command = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as viewer:
        assert viewer.stdout
        viewer.stdout.readline()
        yield
        viewer.communicate()


def test_a_database_that_another_process_holds_is_kept_and_waited_for(tmp_path: Path) -> None:
    output = new_run(tmp_path)
    MetadataStore(sqlite_metadata_connection_config(str(output.metadata)))
    with held(output.metadata), pytest.raises(UserError, match=r"another process holds it .* wait for its") as refused:
        recover(output)
    assert "move it away" not in str(refused.value)
    assert recover(output) is None


def test_what_is_no_database_is_to_be_moved_away(tmp_path: Path) -> None:
    output = new_run(tmp_path)
    output.metadata.write_text("not a database")
    with pytest.raises(UserError, match=r"is no ML Metadata that can be used .* move it away"):
        recover(output)
