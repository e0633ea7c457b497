"""The source Debian package: fetched with the apt client and unpacked, never installed."""

import os
import shutil
from pathlib import Path

from tfx_pipeline.data.fetch import STALL_SECONDS, Fetched, Finished, SourceUnavailableError, run_watched
from tfx_pipeline.data.idx_files import FILE_NAMES

_LOCAL_SECONDS = 60.0  # for what needs no network
_ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}

# Hooks of the system's configuration act on the system: one that container images ship empties its package cache.
_CONFIGURATION = """\
Dir::Cache "{work}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Retries "0";
Acquire::http::Timeout "{timeout}";
Acquire::https::Timeout "{timeout}";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
#clear APT::Update;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""
_OWN_LISTS = 'Dir::State "{work}/state";\nDir::State::lists "{work}/state/lists";\nDir::State::status "{status}";\n'
# Root's apt would otherwise drop to a user who may not enter the private folders.
_AS_ROOT = 'APT::Sandbox::User "root";\n'


def fetch(work: Path, patience: float, *, package: str) -> Fetched:
    """Downloads and unpacks the package with apt's and dpkg's own clients; nothing on the system changes.

    The system's package lists are used where they know the package; otherwise lists are downloaded into `work`. apt
    checks the package against the distribution's signed lists.

    Args:
        work: An empty folder.
        patience: Seconds that the mirror may take to answer.
        package: Its name.

    Returns:
        The folder of .gz files in the unpacked package.

    Raises:
        SourceUnavailableError: There is no apt here, no mirror answers, or none has the package.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SourceUnavailableError(f"there is no {program} here, this is no Debian or Ubuntu")
    file = _download(work.absolute(), patience, package)
    unpacked = work / "unpacked"
    extracted = run_watched(["dpkg-deb", "-x", str(file), str(unpacked)], work, (_LOCAL_SECONDS,), _ENVIRONMENT)
    if extracted.code:
        raise SourceUnavailableError(f"dpkg-deb could not unpack {file.name} ({_problem(extracted.stderr)})")
    files = next(unpacked.rglob(f"{FILE_NAMES[0]}*"), None)
    if files is None:
        raise SourceUnavailableError(f"{file.name} has no {FILE_NAMES[0]}")
    return Fetched(str(files.parent), f"Debian package {package} {file.name.split('_')[1]}")


def _download(work: Path, patience: float, package: str) -> Path:
    """Downloads with the system's lists, or with fresh ones where those do not know the package or are stale."""
    known = _apt(work, _LOCAL_SECONDS, "download", "--print-uris", package, own_lists=False)
    if known.code == 0 and _apt(work, patience, "download", package, own_lists=False).code == 0:
        return _file(work, package)
    update = _apt(work, patience, "update", own_lists=True)
    download = _apt(work, patience, "download", package, own_lists=True)
    if download.code:
        # Where the mirror failed, apt warns at the update and then knows no package.
        raise SourceUnavailableError(_problem(update.stderr) or _problem(download.stderr) or "apt-get failed")
    return _file(work, package)


def _apt(work: Path, patience: float, *arguments: str, own_lists: bool) -> Finished:
    configuration = work / "apt.conf"
    configuration.write_text(_configuration(work, patience, own_lists))
    for folder in ("cache/archives/partial", "state/lists/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "-q", "-c", str(configuration), *arguments]
    return run_watched(command, work, (patience, STALL_SECONDS), _ENVIRONMENT, directory=work)


def _configuration(work: Path, patience: float, own_lists: bool) -> str:
    text = _CONFIGURATION.format(work=work, timeout=max(1, round(patience)))
    if own_lists:
        status = Path("/var/lib/dpkg/status")
        text += _OWN_LISTS.format(work=work, status=status if status.exists() else os.devnull)
    return text + (_AS_ROOT if os.geteuid() == 0 else "")


def _file(work: Path, package: str) -> Path:
    file = next(work.glob(f"{package}_*.deb"), None)
    if file is None:
        raise SourceUnavailableError(f"apt-get left no {package}_*.deb")
    return file


def _problem(stderr: str) -> str:
    """Returns the first error or failed fetch that apt or dpkg names, on one line, or nothing."""
    lines = [line for line in stderr.splitlines() if line.startswith(("E: ", "W: Failed to fetch", "dpkg-deb: error"))]
    return " ".join(lines[0].removeprefix("E: ").removeprefix("W: ").split()) if lines else ""
