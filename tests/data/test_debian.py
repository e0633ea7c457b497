"""The source Debian package, with the real apt and dpkg against an archive made of the real files."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data import servers
from tfx_pipeline.data import published, sources
from tfx_pipeline.process.errors import UserError

FETCH = published.FETCHERS["debian"]

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt here")


@pytest.fixture(scope="session")
def archive(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debian") / "archive"
    servers.write_archive(folder, published)
    return folder


@pytest.fixture
def served(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Makes the archive the only one that apt knows; gives the paths that were fetched."""
    with servers.file_server(archive) as (url, answered):
        monkeypatch.setenv("APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", url)))
        yield answered


def state_of_the_system() -> dict[str, int]:
    """Modification times of what a careless apt would change."""
    paths = [Path("/var/lib/dpkg/status"), *Path("/var/lib/apt").rglob("*"), *Path("/var/cache/apt").rglob("*")]
    return {str(path): path.stat().st_mtime_ns for path in paths if path.exists()}


@needs_apt
def test_package_is_fetched_and_unpacked_without_touching_the_system(served: list[str], tmp_path: Path) -> None:
    lines: list[str] = []
    before = state_of_the_system()
    resolved = sources.resolve("debian", None, tmp_path / "cache", lines.append)
    assert state_of_the_system() == before
    assert (resolved.source, resolved.kind) == ("debian", "fashion-mnist")
    assert lines[0].startswith("data: Debian package dataset-fashion-mnist 1.2-3, 60,000 train + 10,000 eval images,")
    assert "/dataset-fashion-mnist_1.2-3_all.deb" in {path.removeprefix("/.") for path in served}
    assert not list((tmp_path / "apt/lists").glob("*Packages*"))
    assert not (tmp_path / "apt/hook-ran").exists()


@needs_apt
def test_lists_that_the_system_has_are_used(served: list[str], tmp_path: Path) -> None:
    subprocess.run(["apt-get", "-q", "update"], check=True, capture_output=True)  # noqa: S607  APT_CONFIG makes it private
    assert list((tmp_path / "apt/lists").glob("*Packages*"))
    served.clear()
    (tmp_path / "work").mkdir()
    FETCH(tmp_path / "work", 5)
    assert [Path(path).suffix for path in served] == [".deb"]


@needs_apt
def test_stale_lists_of_the_system_are_replaced(
    archive: Path, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's lists name a version that the mirror no longer has."""
    mirror = tmp_path / "mirror"
    shutil.copytree(archive, mirror)
    with servers.file_server(mirror) as (url, _):
        monkeypatch.setenv("APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", url)))
        subprocess.run(["apt-get", "-q", "update"], check=True, capture_output=True)  # noqa: S607
        shutil.rmtree(mirror)
        servers.write_archive(mirror, published, version="1.2-4")
        (tmp_path / "work").mkdir()
        assert FETCH(tmp_path / "work", 5).origin == "Debian package dataset-fashion-mnist 1.2-4"


def can_import(user: int) -> bool:
    """Whether another user may run this Python with this checkout, which may lie in a home that is closed to it."""
    command = [sys.executable, "-c", "import tfx_pipeline"]
    try:
        return subprocess.run(command, check=False, user=user, group=user).returncode == 0
    except PermissionError:
        return False


@needs_apt
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as this plain user already")
def test_plain_user_can_fetch_it(served: list[str]) -> None:
    """In a folder of its own, because pytest's folders are closed to other users."""
    code = (
        "import sys, pathlib\nfrom tfx_pipeline.data import sources\n"
        "sources.resolve('debian', None, pathlib.Path(sys.argv[1]), print)"
    )
    nobody = 65534
    if not can_import(user=nobody):
        pytest.skip("the checkout or the environment is closed to other users")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(Path(os.environ["APT_CONFIG"]).parent, f"{folder}/apt")
        for name in ("apt.conf", "sources.list"):
            path = Path(folder, "apt", name)
            path.write_text(path.read_text().replace(str(Path(os.environ["APT_CONFIG"]).parent), f"{folder}/apt"))
        Path(folder, "cache").mkdir()
        os.chown(Path(folder, "cache"), nobody, nobody)
        printed = subprocess.run(
            [sys.executable, "-c", code, f"{folder}/cache"],
            check=True,
            capture_output=True,
            text=True,
            user=nobody,
            group=nobody,
            env={**os.environ, "APT_CONFIG": f"{folder}/apt/apt.conf", "HOME": "/nonexistent"},
        ).stdout
    assert printed.startswith("data: Debian package dataset-fashion-mnist 1.2-3, 60,000 train")


@needs_apt
def test_archive_without_the_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/Packages").touch()
    with servers.file_server(tmp_path / "empty") as (url, _):
        monkeypatch.setenv("APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", url)))
        with pytest.raises(UserError, match=r"\(debian: Unable to locate package dataset-fashion-mnist\)"):
            sources.resolve("debian", None, tmp_path / "cache", print)


@needs_apt
def test_refused_connection_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.silent_server() as url:
        monkeypatch.setenv("APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", url)))
    with pytest.raises(UserError, match=r"\(debian: .*Connection refused"):
        sources.resolve("debian", None, tmp_path / "cache", print)


def test_system_without_apt_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="debian: there is no apt-get here, this is no Debian or Ubuntu"):
        sources.resolve("debian", None, tmp_path / "cache", print)


@pytest.fixture
def silent_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A proxy that accepts and never answers."""
    with servers.silent_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        yield proxy


@needs_apt
def test_auto_takes_the_package_when_the_network_swallows_the_first_source(
    archive: Path, silent_proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive lies on this machine's disk and needs no network."""
    monkeypatch.setenv("APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", f"copy:{archive}")))
    assert sources.resolve("auto", None, tmp_path / "cache", print).source == "debian"


@needs_apt
def test_network_that_never_answers_costs_less_than_ten_seconds(
    silent_proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a proxy that refuses at once, so that a busy machine's own slowness does not count."""
    monkeypatch.setenv(
        "APT_CONFIG", str(servers.write_apt_configuration(tmp_path / "apt", "http://example.org/debian"))
    )

    def failure() -> tuple[str, float]:
        start = time.monotonic()
        with pytest.raises(UserError) as refusal:
            sources.resolve("auto", None, tmp_path / "cache", print)
        return str(refusal.value), time.monotonic() - start

    silent, seconds = failure()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    refused, least_seconds = failure()
    assert seconds - least_seconds < 10
    silence = r"(\S+ did not answer within|nothing arrived for) \S+ s"
    advice = "name a folder .* --data-dir, .* --data-pvc"
    assert re.fullmatch(rf"no data source answers \(tfds: {silence}; debian: {silence}\); {advice}", silent)
    assert "Connection refused" in refused
