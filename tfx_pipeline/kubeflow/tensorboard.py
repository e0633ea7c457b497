"""A TensorBoard for events in an object store: ``python -m tfx_pipeline.kubeflow.tensorboard --logdir URL``.

TensorBoard itself reads from s3:// and gs:// with TensorFlow's file systems alone, which TensorFlow no longer brings,
and knows no minio://.
"""

import argparse
import contextlib
import logging
import re
import sys
import tempfile
import threading
import types
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.redaction import redact
from tfx_pipeline.steps.table import EVALUATION_REVIEW, TRAINER

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 30
EVENTS: Final = "tfevents"
"""What TensorBoard looks for in the name of a file."""

STEP_FOLDERS: Final = re.compile(
    rf"((?:{EVALUATION_REVIEW.name}|{EVALUATION_REVIEW.stage})/[^/]+/tensorboard|{TRAINER.name}/[^/]+/model_run)/"
)
"""Where Kubeflow keeps the events of a run. Without these, TensorBoard names a run by its id, and what the review
copied of the training's curves is the same file as the trainer's."""

_CHUNK: Final = 1 << 22  # bytes read at once


class EventFolder:
    """A local copy of the event files below a URL, which grows as they do."""

    def __init__(self, uri: str, folder: Path) -> None:
        """Makes a copy that is empty until the first ``refresh``.

        Args:
            uri: A URL with s3://, gs:// or minio://.
            folder: Receives the files.
        """
        self._uri, self._folder = uri, folder
        self._store, self._root = object_store.filesystem(uri)

    def refresh(self) -> int:
        """Copies what is new, and returns how many event files there are.

        Raises:
            UserError: The store does not answer, or refuses.
        """
        with object_store.store_errors_as_user_errors(self._uri):
            sizes = {path: int(entry["size"]) for path, entry in self._listing().items()}
            names = {path: self._name(path) for path in sizes}
            found = {path: name for path, name in names.items() if EVENTS in name.name and ".." not in name.parts}
            for path, name in found.items():
                self._copy(path, sizes[path], self._folder / name)
        return len(found)

    def _listing(self) -> dict[str, Any]:
        listing: dict[str, Any] = self._store.find(self._root, detail=True)
        if not listing:
            # A bucket that is not there is no error to find; whoever may list a folder alone may not ask for it.
            with contextlib.suppress(PermissionError):
                self._store.ls(self._root.partition("/")[0])
        return listing

    def _name(self, path: str) -> PurePosixPath:
        name = path.removeprefix(self._root).lstrip("/") or path.rpartition("/")[2]
        return PurePosixPath(STEP_FOLDERS.sub("", name, count=1))

    def _copy(self, path: str, size: int, target: Path) -> None:
        """Copies what a file has more than its copy: events are only ever appended."""
        have = target.stat().st_size if target.exists() else 0
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            while have < size:
                part = self._store.cat_file(path, start=have, end=min(size, have + _CHUNK))
                file.write(part)
                have += len(part)


def serve(logdir: str, refresh_seconds: float, flags: Sequence[str]) -> int:
    """Serves a log directory until the process is told to end.

    Raises:
        UserError: The object store does not answer, or refuses.
    """
    if not object_store.handles(logdir):
        return _serve_folder(logdir, flags)
    with tempfile.TemporaryDirectory() as folder:
        events = EventFolder(logdir, Path(folder))
        logger.info("%d event files at %s", events.refresh(), logdir)
        threading.Thread(target=_keep_fresh, args=(events, refresh_seconds), daemon=True).start()
        return _serve_folder(folder, flags)


def _keep_fresh(events: EventFolder, seconds: float) -> None:
    pause = threading.Event()
    while not pause.wait(seconds):
        try:
            events.refresh()
        except UserError as error:
            logger.warning("%s", redact(str(error)))


def _serve_folder(folder: str, flags: Sequence[str]) -> int:
    # By TensorBoard's own switch, it does without TensorFlow, which takes seconds and half a gigabyte.
    sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
    from tensorboard import default, program  # noqa: PLC0415 - see above

    server = program.TensorBoard(default.get_plugins())
    server.configure(["tensorboard", "--logdir", folder, "--load_fast", "false", *flags])
    return int(server.main())


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the arguments; returns them and the rest, which are flags of TensorBoard."""
    parser = argparse.ArgumentParser(prog=__spec__.name, description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--logdir", required=True, help="a directory, or a URL with s3://, gs:// or minio://")
    parser.add_argument(
        "--refresh", type=float, metavar="SECONDS", default=REFRESH_SECONDS, help="between two looks at the store"
    )
    # Kubeflow's page replaces the image's arguments by a whole command.
    return parser.parse_known_args(argv[1:] if argv[:1] == ["tensorboard"] else argv)


def main(argv: Sequence[str]) -> int:
    """Serves what the arguments name; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    args, flags = parse(argv)
    try:
        return serve(args.logdir, args.refresh, flags)
    except UserError as error:
        sys.stderr.write(f"error: {redact(str(error))}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
