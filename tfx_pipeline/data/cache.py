"""Keeps verified data sets in folders named after their digests; an incomplete one is never used.

- `<cache>/<digest>/` holds the four plain IDX files and dataset.json.
- `<cache>/<source>.json` says which digest a network source gave, so that the next run needs no network.
- `<cache>/.staging-*/` belongs to a running process, which holds a lock on it; it is removed once the process has died.
- `<cache>/.lock` is held while the folders above change.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tfx_pipeline.data import origin
from tfx_pipeline.data.idx_files import FILE_NAMES, HELD_BACK_FILES, dataset_digest
from tfx_pipeline.data.ingest import FileFacts, ingest_files
from tfx_pipeline.data.stream import reason_of, shown
from tfx_pipeline.process.errors import UserError, is_disk_full
from tfx_pipeline.process.files import lock, locked, sync

_STAGING = ".staging-"
_OWNER = "owner.lock"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOCK = ".lock"


@dataclass(frozen=True)
class Remembered:
    """What a network source gave last: the digest in the cache, and the origin in words."""

    digest: str
    origin: str


@contextmanager
def cache_errors_as_user_errors(cache_dir: Path) -> Iterator[None]:
    """Turns an error of writing the cache into one line.

    Args:
        cache_dir: The cache folder; made when it is absent.

    Raises:
        UserError: Instead of an OSError: the folder cannot be made or written, or the disk is full.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        name = shown(str(cache_dir))
        if is_disk_full(error):
            raise UserError(f"{name}: the disk is full ({error.strerror}); make 200 MB free there") from error
        raise UserError(
            f"{name}: the data cache cannot be written ({reason_of(error)}); make this folder writable"
        ) from error


@contextmanager
def staging(cache_dir: Path) -> Iterator[Path]:
    """Gives a private folder inside the cache, removed at the end with whatever is left in it.

    Args:
        cache_dir: An existing cache folder.

    Yields:
        The folder. A process that dies leaves it; the next one to stage removes it.
    """
    with locked(cache_dir / _LOCK):
        _remove_abandoned(cache_dir)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=cache_dir))
        owner = (folder / _OWNER).open("w")
        lock(owner)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        owner.close()


def _remove_abandoned(cache_dir: Path) -> None:
    for folder in cache_dir.glob(f"{_STAGING}*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    # Where the file system has no locks, leftovers stay: nobody can tell whose they are.
    try:
        with (folder / _OWNER).open("w") as owner:
            return lock(owner, wait=False)
    except OSError:
        return False


def verified(cache_dir: Path, digest: str) -> dict[str, FileFacts] | None:
    """Reads a cached data set to its end and checks it against its name.

    Args:
        cache_dir: The cache folder.
        digest: Which data set.

    Returns:
        The facts of the four files, or None when the data set is absent or damaged.
    """
    folder = cache_dir / digest
    try:
        present = [name for name in HELD_BACK_FILES if (folder / name).exists()]
        facts = ingest_files({name: str(folder / name) for name in (*FILE_NAMES, *present)})
    except UserError:
        return None
    return facts if digest_of(facts) == digest else None


def digest_of(facts: Mapping[str, FileFacts]) -> str:
    """Returns the digest of a data set from the facts of its four files."""
    return dataset_digest({name: fact.sha256 for name, fact in facts.items()})


def commit(staged: Path, cache_dir: Path, digest: str, description: Mapping[str, object]) -> Path:
    """Moves a folder of checked files into the cache under its digest, in one step.

    Args:
        staged: Folder inside `staging` with the four files, on the cache's own file system.
        cache_dir: The cache folder.
        digest: The data set's digest.
        description: What dataset.json says beside the files.

    Returns:
        The cached folder: `staged` itself, or an intact copy that was there before.
    """
    final = cache_dir / digest
    (staged / "dataset.json").write_text(json.dumps(description, indent=2) + "\n")
    with locked(cache_dir / _LOCK):
        if final.exists():
            if verified(cache_dir, digest):
                for file in origin.files(staged):  # the same images, of other files
                    file.replace(final / file.name)
                return final
            final.rename(staged.parent / "damaged")  # goes away with the staging folder
        sync(*staged.iterdir(), staged)
        staged.rename(final)
        sync(cache_dir)
    return final


def remember(cache_dir: Path, source: str, remembered: Remembered) -> None:
    """Notes what a network source gave, replacing the earlier note in one step."""
    with staging(cache_dir) as folder:
        note = folder / "note.json"
        note.write_text(json.dumps(asdict(remembered)) + "\n")
        sync(note)
        note.replace(cache_dir / f"{source}.json")


def recall(cache_dir: Path, source: str) -> Remembered | None:
    """Returns what a network source gave last, or None when nothing usable is noted."""
    with suppress(OSError, ValueError, TypeError):
        remembered = Remembered(**json.loads((cache_dir / f"{source}.json").read_text()))
        if _DIGEST.fullmatch(remembered.digest):
            return remembered
    return None
