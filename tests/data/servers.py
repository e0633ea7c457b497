"""Loopback servers and package archives that serve the real files to the sources under test."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

PACKAGE = "dataset-fashion-mnist"


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder, in `pieces` with pauses between them where the server is slow."""

    pieces = 1
    seconds = 0.0
    answered: list[str]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        self.answered.append(self.path)

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        content = source.read()
        size = -(-len(content) // self.pieces)
        try:
            for start in range(0, len(content), max(size, 1)):
                outputfile.write(content[start : start + size])
                time.sleep(self.seconds / self.pieces)
        except ConnectionError:
            pass  # the client asked for the first byte only, or was ended


@contextmanager
def file_server(folder: Path, *, pieces: int = 1, seconds: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """Serves a folder over HTTP; gives the URL (without a slash at its end) and the list of answered paths."""
    answered: list[str] = []
    handler = type("Handler", (_Handler,), {"pieces": pieces, "seconds": seconds, "answered": answered})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answered
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts every connection and never answers; gives its URL."""
    # The kernel completes the connections of a listening socket by itself.
    with create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def write_builder(folder: Path, url: str, files: Path, name: str = "loopback") -> str:
    """Writes a package with a TensorFlow Datasets builder whose registered files are at `url`; returns its name.

    The builder is TensorFlow Datasets' own with another URL, and registers its files as every builder does, in
    checksums.tsv: URL, size, SHA-256, file name.
    """
    package = folder / f"{name}_fashion"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "builder.py").write_text(
        "from tensorflow_datasets.image_classification import mnist\n\n\n"
        f"class {name.title()}Fashion(mnist.FashionMNIST):\n    URL = {url + '/'!r}\n"
    )
    lines = (
        f"{url}/{path.name}\t{path.stat().st_size}\t{hashlib.sha256(path.read_bytes()).hexdigest()}\t{path.name}\n"
        for path in sorted(files.glob("*.gz"))
    )
    (package / "checksums.tsv").write_text("".join(lines))
    return f"{name}_fashion.builder:{name.title()}Fashion"


def write_archive(folder: Path, files: Path, version: str = "1.2-3") -> None:
    """Builds a Debian archive in a folder: the package with the .gz files, and its index."""
    content = folder.parent / f"{folder.name}-content"
    data = content / "usr/share/datasets/fashion-mnist"
    data.mkdir(parents=True)
    for path in files.glob("*.gz"):
        (data / path.name).write_bytes(path.read_bytes())
    fields = f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: all\nMaintainer: A Test <test@example.org>\n"
    (content / "DEBIAN").mkdir()
    (content / "DEBIAN/control").write_text(f"{fields}Description: images of clothes\n")
    folder.mkdir()
    package = folder / f"{PACKAGE}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "-Znone", "-b", content, package], check=True, capture_output=True)  # noqa: S607
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    index = f"{fields}Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
    (folder / "Packages").write_text(f"{index}Description: images of clothes\n")


def write_apt_configuration(folder: Path, uri: str) -> Path:
    """Writes a configuration for $APT_CONFIG with which apt knows one archive only and has no lists yet.

    It has hooks, as the configuration in container images does; they leave a file `hook-ran`.
    """
    folder.mkdir()
    (folder / "lists").mkdir()
    (folder / "sources.list").write_text(f"deb [trusted=yes] {uri} ./\n")
    configuration = folder / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{folder}/lists";\n'
        f'APT::Update::Pre-Invoke {{ "touch {folder}/hook-ran"; }};\n'
        f'APT::Update::Post-Invoke {{ "touch {folder}/hook-ran"; }};\n'
    )
    return configuration
