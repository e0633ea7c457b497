"""The output directory: where a run on this machine leaves what it made."""

import contextlib
import dataclasses
import datetime
import os
import shutil
from pathlib import Path
from typing import Final

from tfx_pipeline.record.output_lock import write_errors_as_user_errors

RESERVE_BYTES: Final = 1 << 18
MANIFEST_BYTES: Final = 1 << 16


@dataclasses.dataclass(frozen=True)
class Output:
    """The places of one run in the output directory."""

    root: Path
    run_id: str

    @property
    def pipeline(self) -> Path:
        """Artifacts, one folder a component."""
        return self.root / "pipeline"

    @property
    def metadata(self) -> Path:
        """ML Metadata's SQLite file."""
        return self.root / "metadata.db"

    @property
    def serving(self) -> Path:
        """Pushed models."""
        return self.root / "serving"

    @property
    def tensorboard(self) -> Path:
        """This run's events; ``tensorboard --logdir`` takes the folder above it."""
        return self.root / "tensorboard" / self.run_id

    @property
    def report(self) -> Path:
        """The reports of all runs; the newest is ``index.html``."""
        return self.root / "report"

    @property
    def run(self) -> Path:
        """This run's manifest and log."""
        return self.root / "runs" / self.run_id

    @property
    def log(self) -> Path:
        """Everything that the libraries said."""
        return self.run / "run.log"

    @property
    def manifests(self) -> tuple[Path, Path]:
        """``run.json``: this run's own, and the latest."""
        return self.run / "run.json", self.root / "run.json"

    @property
    def reserve(self) -> Path:
        """Keeps room on the disk for the messages at the end of a run that fills it."""
        return self.run / ".reserve"

    @property
    def manifest_rooms(self) -> tuple[Path, Path]:
        """Files that become ``manifests`` at the end: room that is given back is taken by whatever fills the disk."""
        return self.run / ".run.json", self.run / ".latest.json"

    def clean(self) -> None:
        """Deletes what earlier runs left, and nothing else that may lie in the directory.

        ML Metadata goes first, with SQLite's journal, so that nothing half deleted is reused where this is killed.
        """
        for file in (self.metadata, *self.root.glob(f"{self.metadata.name}-*")):
            file.unlink(missing_ok=True)
        for directory in (self.pipeline, self.serving, self.root / "tensorboard", self.report):
            shutil.rmtree(directory, ignore_errors=True)
        for run in self.run.parent.iterdir():
            if run != self.run:
                shutil.rmtree(run, ignore_errors=True)


def new_run(root: Path) -> Output:
    """Makes the folder of a new run, named by the time, in an output directory that need not exist.

    Raises:
        UserError: The directory cannot be written.
    """
    root = root.absolute()
    run_id = now = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    with write_errors_as_user_errors(root):
        for number in range(2, 1000):
            with contextlib.suppress(FileExistsError):
                (root / "runs").mkdir(parents=True, exist_ok=True)
                (root / "runs" / run_id).mkdir()
                break
            run_id = f"{now}-{number}"
        output = Output(root, run_id)
        _allocate(output.reserve, RESERVE_BYTES)
        for room in output.manifest_rooms:
            _allocate(room, MANIFEST_BYTES)
    return output


def _allocate(path: Path, size: int) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
