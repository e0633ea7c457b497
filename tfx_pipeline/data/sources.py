"""Resolves where the images come from to a cached folder of verified, plain IDX files."""

import dataclasses
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.data import cache, origin, published
from tfx_pipeline.data.fetch import Fetch, Fetched, SourceUnavailableError
from tfx_pipeline.data.forms.idx import find_idx_files
from tfx_pipeline.data.idx_files import ALL_SPLIT_FILES, SPLIT_FILES, SplitFiles
from tfx_pipeline.data.ingest import FileFacts, ingest_files
from tfx_pipeline.data.stream import is_remote, shown
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded, require_visible

__all__ = ["SPLIT_FILES", "SplitFiles", "VerifiedFiles", "default_cache_dir", "resolve"]

FORMS: Final = ("idx", "npz", "csv", "class_folders", "parquet")
"""What the files in a folder are; idx stands for any of them, as it once did."""

Report = Callable[[str], None]

_LOG = logging.getLogger(__name__)
# Silent sources cost at most 10 s together, with the local work between them. Each may take 3 s to answer, less when
# a slow machine used the time up; a source that the user chose has it for itself.
_PATIENCE_SECONDS = 3.0
_LEAST_PATIENCE_SECONDS = 1.0
_ALL_SECONDS = 8.5

_NAME_A_FOLDER = "name a folder of IDX files with --data-dir, or on Kubeflow a claim that holds them with --data-pvc"


@dataclasses.dataclass(frozen=True)
class VerifiedFiles:
    """A verified data set in the cache.

    Attributes:
        path: Folder with the plain IDX files of each split (`ALL_SPLIT_FILES`); named by the digest, so the same data
            has the same path wherever it came from.
        source: The source it was taken from, 'tfds' or 'debian', or the form that it has in a folder: 'idx', 'npz', ...
        digest: SHA-256 over the four files, 64 hexadecimal digits (see `idx_files.dataset_digest`).
        kind: The data set's name; 'custom' where its digests are given and the files are others.
        counts: Examples a split.
    """

    path: str
    source: str
    digest: str
    kind: str
    counts: Mapping[str, int]


def default_cache_dir() -> Path:
    """Returns this user's cache folder, tfx-fashion-mnist under $XDG_CACHE_HOME or ~/.cache, for data sets of any name.

    The project's name rather than the data set's: content is told apart by its digest, and ``tools/env`` mounts this
    folder into its container.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tfx-fashion-mnist"


def resolve(
    source: str,
    data_dir: str | None,
    cache_dir: Path,
    report: Report,
    *,
    fetchers: Mapping[str, Fetch] = published.FETCHERS,
) -> VerifiedFiles:
    """Brings a source's data into the cache, verified, or finds it there.

    'auto' takes `data_dir` where one is given; else what a network source gave before; else the first network source
    that answers. A network that does not answer costs at most 10 s in all.

    Args:
        source: Which source to take: one of `FORMS` or of `fetchers`, or 'auto'.
        data_dir: Folder or file with images in one of the forms of `forms`, local, in an object store or on a Beam file
            system; only for those and 'auto'.
        cache_dir: The cache folder; made when it is absent.
        report: Receives a line for a person: which source was taken, and what was wrong with a cached copy.
        fetchers: The network sources, the first to try first.

    Returns:
        The data set.

    Raises:
        UserError: No source has this data set or answers, or its data is not what it should be, or the cache cannot be
            written.
    """
    _check_source(source, data_dir, fetchers)
    cache_dir = cache_dir.absolute()
    with cache.cache_errors_as_user_errors(cache_dir):
        if data_dir is not None:
            return _from_folder(source, data_dir, cache_dir, report)
        if source != "auto":
            fetchers = {source: fetchers[source]}
        return _from_cache(tuple(fetchers), cache_dir, report) or _from_network(fetchers, cache_dir, report)


def _check_source(source: str, data_dir: str | None, fetchers: Mapping[str, Fetch]) -> None:
    names = ("auto", *published.SOURCES, *FORMS)
    if source not in names:
        raise UserError(f"the data source {source!r} is unknown; use one of {', '.join(names)}")
    if data_dir is not None and source in published.SOURCES:
        raise UserError(f"--data-dir {shown(data_dir)} does not go with the data source {source}; use auto")
    if data_dir is None and source in FORMS:
        raise UserError(f"the data source {source} needs a folder of images; {_NAME_A_FOLDER}")
    if data_dir is None and (not fetchers if source == "auto" else source not in fetchers):
        line = "tfds and debian" if source == "auto" else source
        raise UserError(
            f"the data source {source} has no {DATASET.name}: modules/dataset.py gives no name of it for {line}; "
            f"{_NAME_A_FOLDER}"
        )


def _from_folder(source: str, data_dir: str, cache_dir: Path, report: Report) -> VerifiedFiles:
    from tfx_pipeline.data.forms.find import idx_files_of  # noqa: PLC0415  with NumPy, which a flag's check needs not

    with cache.staging(cache_dir) as folder:
        if not is_remote(data_dir):
            data_dir = expanded(data_dir)
            require_visible(data_dir, "--data-dir")
        work = folder / "work"
        work.mkdir()
        with idx_files_of(data_dir, work) as fetched:
            form = fetched.form
            if Path(data_dir).parent == cache_dir and source in FORMS:
                form = source  # what is cached is IDX files, whatever it came from
            elif source not in ("auto", "idx", form):
                raise UserError(f"the data source {source} is not that of {fetched.origin}; use {form} or auto")
            return _store(folder, fetched, form, cache_dir, report)


def _from_cache(sources: tuple[str, ...], cache_dir: Path, report: Report) -> VerifiedFiles | None:
    for source in sources:
        # Without the data set's name, as it was noted once: of these, the digests tell whose it is.
        note = _note(source)
        remembered = cache.recall(cache_dir, note) or (cache.recall(cache_dir, source) if DATASET.sha256 else None)
        if remembered is None:
            continue
        facts = cache.verified(cache_dir, remembered.digest)
        if facts is not None and _foreign(facts):
            continue
        if facts is not None:
            return _dataset(facts, source, cache_dir, f"cached {remembered.origin}", report)
        report(f"data: the cached copy {cache_dir / remembered.digest} is damaged or gone, fetching it again")
    return None


def _note(source: str) -> str:
    return f"{DATASET.name}-{source}"


def _from_network(fetchers: Mapping[str, Fetch], cache_dir: Path, report: Report) -> VerifiedFiles:
    failures: dict[str, str] = {}
    end = time.monotonic() + _ALL_SECONDS
    for source, fetch in fetchers.items():
        with cache.staging(cache_dir) as folder:
            work = folder / "download"
            work.mkdir()
            left = max(_LEAST_PATIENCE_SECONDS, end - time.monotonic())
            patience = left if len(fetchers) == 1 else min(left, _PATIENCE_SECONDS)
            try:
                fetched = fetch(work, patience)
                dataset = _store(folder, fetched, source, cache_dir, report)
            except UserError as error:
                _LOG.info("data source %s: %s", source, error)
                failures[source] = str(error)
                continue
        cache.remember(cache_dir, _note(source), cache.Remembered(dataset.digest, fetched.origin))
        return dataset
    tried = "; ".join(f"{source}: {reason}" for source, reason in failures.items())
    raise UserError(f"no data source answers ({tried}); {_NAME_A_FOLDER}")


def _store(folder: Path, fetched: Fetched, source: str, cache_dir: Path, report: Report) -> VerifiedFiles:
    """Verifies what a source delivered and moves it from the staging folder into the cache."""
    staged = folder / "files"
    staged.mkdir()
    paths = find_idx_files(fetched.folder)
    facts = ingest_files(paths, staged)
    _check_canonical(facts, source, fetched)
    _note_origins(Path(fetched.folder), staged, paths, facts)
    files = {name: fact._asdict() for name, fact in facts.items()}
    description = {"source": source, "kind": _kind(facts), "files": files}
    cache.commit(staged, cache_dir, cache.digest_of(facts), description)
    dataset = _dataset(facts, source, cache_dir, fetched.origin, report)
    for note in fetched.notes:
        report(f"data: {note}")
    return dataset


def _note_origins(work: Path, staged: Path, paths: Mapping[str, str], facts: Mapping[str, FileFacts]) -> None:
    """Keeps what a form noted of where each example lies; of IDX files it is their numbers."""
    for split, files in ALL_SPLIT_FILES.items():
        if noted := origin.noted(work, split):
            shutil.copyfile(noted, staged / noted.name)
        elif files.images in facts:
            with origin.Writer(staged, split) as writer:
                name = paths[files.images].rpartition("/")[2]
                writer.add(origin.Run(name, facts[files.images].items, "index"))


def _check_canonical(facts: Mapping[str, FileFacts], source: str, fetched: Fetched) -> None:
    if source in published.SOURCES and (name := _foreign(facts)):
        sha256, expected = facts[name].sha256[:12], DATASET.sha256[name][:12]
        raise SourceUnavailableError(
            f"{fetched.origin} is not {DATASET.title}: {name} has SHA-256 {sha256}…, expected {expected}…"
        )


def _foreign(facts: Mapping[str, FileFacts]) -> str | None:
    """The first file that is not the published one, as far as its digest is given."""
    return next((name for name, expected in DATASET.sha256.items() if facts[name].sha256 != expected), None)


def _kind(facts: Mapping[str, FileFacts]) -> str:
    as_published = {name: fact.sha256 for name, fact in facts.items()} == DATASET.sha256
    return DATASET.name if as_published or not DATASET.sha256 else "custom"


def _dataset(
    facts: Mapping[str, FileFacts], source: str, cache_dir: Path, origin: str, report: Report
) -> VerifiedFiles:
    digest = cache.digest_of(facts)
    counts = {split: facts[files.images].items for split, files in ALL_SPLIT_FILES.items() if files.images in facts}
    sizes = " + ".join(f"{count:,} {split}" for split, count in counts.items())
    custom = " (custom data)" if _kind(facts) == "custom" else ""
    report(f"data: {origin}{custom}, {sizes} images, digest {digest[:8]}…")
    return VerifiedFiles(str(cache_dir / digest), source, digest, _kind(facts), counts)
