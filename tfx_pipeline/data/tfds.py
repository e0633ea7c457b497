"""The source TensorFlow Datasets: its builder's registered files, fetched and checked by its own downloader."""

import os
import sys
from pathlib import Path

import tfx_pipeline
from tfx_pipeline.data.fetch import STALL_SECONDS, Fetched, SourceUnavailableError, run_watched

_IMPORT_SECONDS = 120.0


def fetch(work: Path, patience: float, *, builder: str) -> Fetched:
    """Downloads the four .gz files that a TensorFlow Datasets builder has registered.

    The download runs in a process of its own: TensorFlow Datasets sets no time limits, and its threads cannot be
    ended from outside.

    Args:
        work: An empty folder to download into.
        patience: Seconds that the server may take to answer.
        builder: A registered name, or `module:Class` of another builder with files of the same names.

    Returns:
        The folder of .gz files, each checked against the builder's registered size and SHA-256.

    Raises:
        SourceUnavailableError: The server does not answer, or gives other files.
    """
    arguments = [sys.executable, "-m", "tfx_pipeline.data.tfds_download", str(work), builder, f"{patience:g}"]
    root = str(Path(tfx_pipeline.__file__).parents[1])
    paths = [root, os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "NO_GCE_CHECK": "true",  # no look-up of a cloud machine's metadata server
    }
    # The first thing to arrive is the mark that the imports are done; then the network's time runs.
    finished = run_watched(arguments, work, (_IMPORT_SECONDS, patience + 0.5, STALL_SECONDS), environment)
    if finished.code:
        raise SourceUnavailableError(finished.stdout.strip() or _last_line(finished.stderr))
    return Fetched(str(work), f"TensorFlow Datasets {builder}")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "ended without a message")
