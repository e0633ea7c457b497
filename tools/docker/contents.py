"""Tells what is in the image that runs it, on standard output: ``python3 - digests|sizes|sbom < contents.py``.

digests   one line a file: SHA-256, mode, owner, path; two builds of one commit print the same
sizes     megabytes by package: Python's by their records, Debian's by its database, and the sum of all files
sbom      all packages, a CycloneDX document: Python's as uv wrote them when the image was built, then Debian's
"""

import hashlib
import importlib.metadata
import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

NOT_OF_THE_IMAGE = frozenset({"/dev", "/proc", "/sys", "/run", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
"""What the engine puts into each container."""


PYTHON_PACKAGES = Path("/opt/project/python.cdx.json")


def entries() -> Iterator[tuple[str, os.stat_result]]:
    """Walks the image in the order of its paths, without following links or entering other file systems."""
    device = Path("/").stat().st_dev
    for folder, folders, files in os.walk("/"):
        folders.sort()
        folders[:] = [name for name in folders if os.path.join(folder, name) not in NOT_OF_THE_IMAGE]  # noqa: PTH118
        for name in sorted(folders + files):
            path = os.path.join(folder, name)  # noqa: PTH118 - half a million joins
            state = os.lstat(path)
            if path not in NOT_OF_THE_IMAGE and state.st_dev == device:
                yield path, state


def digests() -> None:
    """Prints the digest, mode and owner of each file, and of links where they point."""
    for path, state in entries():
        if stat.S_ISDIR(state.st_mode):
            digest = "folder"
        elif stat.S_ISLNK(state.st_mode):
            digest = f"-> {os.readlink(path)}"  # noqa: PTH115
        else:
            with open(path, "rb") as file:  # noqa: PTH123
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        print(f"{digest} {stat.filemode(state.st_mode)} {state.st_uid}:{state.st_gid} {path}")


def python_owners() -> dict[str, str]:
    """Maps the files of Python's packages, and their bytecode's folders, to the package's name."""
    owners = {}
    for package in importlib.metadata.distributions():
        for file in package.files or []:
            owners[os.path.realpath(str(package.locate_file(file)))] = package.name
    return owners


def debian_owners() -> dict[str, str]:
    """Maps files to the names of the Debian packages that brought them."""
    owners = {}
    for path in Path("/var/lib/dpkg/info").glob("*.list"):
        for line in path.read_text().splitlines():
            # Since /bin and the like became links, a package may name its files by either path.
            owners[os.path.realpath(line)] = f"Debian: {path.stem.partition(':')[0]}"
    return owners


def owner_of(path: str, owners: dict[str, str]) -> str:
    """The package of a file; bytecode belongs to its source's, what has none to its folder."""
    if path.endswith(".pyc"):
        folder, _, name = path.rpartition("/__pycache__/")
        path = f"{folder}/{name.partition('.')[0]}.py"
    return owners.get(path) or "/".join(path.split("/")[:3])


def sizes() -> None:
    """Prints megabytes and names of packages, the largest first."""
    owners = debian_owners() | python_owners()
    totals: Counter[str] = Counter()
    seen: set[int] = set()
    for path, state in entries():
        if stat.S_ISREG(state.st_mode) and state.st_ino not in seen:
            seen.add(state.st_ino)
            totals[owner_of(path, owners)] += state.st_size
    print(f"{sum(totals.values()) / 1e6:9.1f} MB in all")
    for name, size in totals.most_common():
        print(f"{size / 1e6:9.1f} {name}")


def debian_components() -> list[dict[str, str]]:
    """Lists Debian's packages as components of a CycloneDX document, each with its package URL."""
    query = ["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\n"]
    listed = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    components = []
    for line in listed.splitlines():
        name, version, architecture = line.split("\t")
        url = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}&distro=debian-13"
        components.append({"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url})
    return components


def sbom() -> None:
    """Prints the document of all packages."""
    document = json.loads(PYTHON_PACKAGES.read_text())
    document["components"] += debian_components()
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    {"digests": digests, "sizes": sizes, "sbom": sbom}[sys.argv[1]]()
