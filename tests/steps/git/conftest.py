"""Real servers and real Secrets: mounted as Kubernetes does, readable by everyone and through symbolic links."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.steps.git import servers
from tests.steps.git.servers import HttpsServer, Repository, SshServer
from tfx_pipeline.steps.git.checkout import Checkout, check_out
from tfx_pipeline.steps.git.secrets import Secret

TOKEN = "s3cr/et:tökén"  # with characters that a URL cannot hold as they are


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An sshd of its own, for all tests."""
    if servers.MISSING:
        pytest.skip(f"{servers.MISSING}: not installed (Debian: git, openssh-client, openssh-server)")
    with servers.ssh_server(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A bare repository with two commits on main; `modules/__init__.py` holds VERSION."""
    result = servers.make_repository(tmp_path)
    result.commit({"modules/__init__.py": "VERSION = 1\n", "README.md": "Private.\n"}, "First")
    result.commit({"modules/__init__.py": "VERSION = 2\n"}, "Second")
    return result


@pytest.fixture
def https(repository: Repository, tmp_path: Path) -> Iterator[HttpsServer]:
    """A server of the repository for whoever has the token."""
    with servers.https_server(tmp_path / "https", repository, TOKEN) as server:
        yield server


@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Secret]:
    """Mounts a Secret: `secret(name, {key: text})`."""

    def mount(name: str, content: dict[str, str]) -> Secret:
        directory = tmp_path_factory.mktemp("mount")
        data = directory / "..2026_01_02"
        data.mkdir()
        (directory / "..data").symlink_to(data.name)
        for key, text in content.items():
            (data / key).write_text(text)
            (data / key).chmod(0o644)
            (directory / key).symlink_to(Path("..data", key))
        return Secret(name, directory)

    return mount


@pytest.fixture
def ssh_secret(secret: Callable[..., Secret], ssh: SshServer) -> Secret:
    """The right key and the right host key."""
    return secret("ssh-key-secret", {"id_rsa": ssh.client_key.read_text(), "known_hosts": ssh.known_hosts})


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files, which must be empty after each checkout."""
    directory = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.fixture
def get(tmp_path: Path, temporary: Path) -> Callable[..., Checkout]:
    """Checks out into `tmp_path/out`, and looks for what was left behind, whether it worked or not."""
    nothing = Secret("", tmp_path / "not-mounted")

    def call(
        url: str, ref: str = "main", *, ssh: Secret = nothing, token: Secret = nothing, seconds: float = 60
    ) -> Checkout:
        (tmp_path / "out").mkdir(exist_ok=True)
        try:
            return check_out(url, ref, tmp_path / "out", ssh=ssh, token=token, seconds=seconds)
        finally:
            assert os.listdir(temporary) == []  # noqa: PTH208

    return call


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a program in front of another that writes what a shell command prints to a file, then runs the other."""

    def record(program: str, command: str) -> Path:
        folder, record = tmp_path / f"{program}-recorder", tmp_path / f"{program}-record"
        folder.mkdir()
        search = os.environ["PATH"]
        script = f'#!/bin/sh\n{{ {command}\n}} >>"{record}"\nPATH="{search}"\nexec {program} "$@"\n'
        (folder / program).write_text(script)
        (folder / program).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{search}")
        return record

    return record
