"""The object store: keys and contents, no directories (`backend/src/v2/objectstore/object_store.go`)."""

import shutil
from pathlib import Path
from typing import Final

MOUNTS: Final = {"minio://": "/minio/", "s3://": "/s3/", "gs://": "/gcs/"}


class UnknownSchemeError(Exception):
    """The launcher knows no local path for a URI."""


def local_path(artifact: dict) -> str:
    """The launcher's path of an artifact (`retrieveArtifactPath`, `LocalPathForURI`)."""
    if "customPath" in artifact:
        return artifact["customPath"]
    for prefix, mount in MOUNTS.items():
        if artifact["uri"].startswith(prefix):
            return mount + artifact["uri"].removeprefix(prefix)
    raise UnknownSchemeError(artifact["uri"])


class ObjectStore:
    """Objects in a folder of this machine, which no step sees."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, uri: str) -> Path:
        """Where the objects of a URI lie."""
        scheme, _, key = uri.partition("://")
        return self._folder / scheme / key

    def upload(self, local: Path, uri: str) -> None:
        """Copies a file, or the files of a directory; an empty directory leaves nothing, a linked one fails."""
        if not local.is_dir():
            self._write(local, self.path(uri))
            return
        for child in local.iterdir():
            if child.is_dir() and not child.is_symlink():
                self.upload(child, f"{uri}/{child.name}")
            else:
                self._write(child, self.path(f"{uri}/{child.name}"))

    def _write(self, local: Path, target: Path) -> None:
        content = local.read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def download(self, uri: str, local: Path) -> None:
        """Copies every object below a URI; nothing, silently, where there is none."""
        source = self.path(uri)
        if source.is_file():
            local.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, local)
        for file in source.rglob("*"):
            if file.is_file():
                target = local / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
