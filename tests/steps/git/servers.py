"""A real OpenSSH server and a real Git server over HTTPS on loopback, with a real bare repository behind them."""

import base64
import os
import pwd
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection

from tfx_pipeline.steps.git.environment import named_user
from tools.ports import held_ports

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
PROGRAMS = ("git", "ssh", "ssh-keygen")
MISSING = ", ".join([name for name in PROGRAMS if shutil.which(name) is None] + ([] if SSHD else ["sshd"]))
"""What is not installed here; Debian has it in git, openssh-client and openssh-server."""


def run(*command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Runs a command and returns what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


# Housekeeping would detach itself and outlive the tests.
NO_HOUSEKEEPING = ("gc.auto=0", "maintenance.auto=false", "receive.autoGC=false")


def git(repository: Path, *arguments: object) -> str:
    """Runs git in a repository, as an author, without the settings of whoever runs the tests."""
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    identity = dict.fromkeys(names, "author@example.org")
    env = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return run("git", "-C", repository, *arguments, env=env)


def make_key(path: Path, passphrase: str = "") -> Path:
    """Makes an Ed25519 key pair; the key may be used by its owner only, as ssh-keygen leaves it."""
    env = {**os.environ, **named_user(path.parent)}
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", path, env=env)
    return path


@dataclass
class Repository:
    """A bare repository on a server, and the working copy that feeds it."""

    work: Path
    bare: Path

    def commit(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Writes files (None removes one), commits and pushes them, and returns the commit's id."""
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", message)
        self.push()
        return git(self.work, "rev-parse", "HEAD")

    def push(self) -> None:
        """Pushes all branches and tags."""
        git(self.work, "push", "--quiet", "--force", "--all", self.bare)
        git(self.work, "push", "--quiet", "--force", "--tags", self.bare)


def make_repository(folder: Path) -> Repository:
    """Makes an empty bare repository `fashion.git`, and a working copy beside it."""
    repository = Repository(folder / "work", folder / "fashion.git")
    for path, *options in ((repository.work,), (repository.bare, "--bare")):
        run("git", "init", "--quiet", "--initial-branch=main", *options, path)
        for setting in NO_HOUSEKEEPING:
            run("git", "-C", path, "config", *setting.split("="))
    return repository


@dataclass
class SshServer:
    """A running server: where it is, what it proves itself by, and which key it lets in."""

    port: int
    host_key: str
    client_key: Path

    def url(self, repository: Repository) -> str:
        """The repository's URL."""
        return f"ssh://{user_name()}@127.0.0.1:{self.port}{repository.bare}"

    @property
    def known_hosts(self) -> str:
        """The line of known_hosts by which a client knows the server."""
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"


def user_name() -> str:
    """The name of the current user, or the one that `named_user` gives to a user who is only a number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "app"


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Runs sshd as the current user on loopback; it lets one key in, `folder/client`, and ends with the block."""
    folder.mkdir(exist_ok=True)
    host_key, client_key = make_key(folder / "host"), make_key(folder / "client")
    shutil.copy(folder / "client.pub", folder / "authorized_keys")
    configuration = folder / "sshd_config"
    lines = {
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",  # folders of tests belong to groups
        "UsePAM": "no",
    }
    configuration.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
    _make_privilege_separation_directory()
    log = folder / "sshd.log"
    command = [str(SSHD), "-D", "-e", "-f", str(configuration)]
    environment = {**os.environ, **named_user(folder)}
    with (
        held_ports(0) as (port,),
        log.open("w") as output,
        subprocess.Popen(
            [*command, "-p", str(port)], stdin=subprocess.DEVNULL, stderr=output, env=environment
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            kind, key = Path(f"{host_key}.pub").read_text().split()[:2]
            yield SshServer(port, f"{kind} {key}", client_key)
        finally:
            process.terminate()


def _make_privilege_separation_directory() -> None:
    # As root, sshd wants this directory, which only the init system makes.
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"sshd did not start: {log.read_text()}")


MOVED = "/elsewhere/"


class _GitHandler(BaseHTTPRequestHandler):
    """Hands requests with the right token to git's own CGI program, and keeps what the clients sent."""

    folder: Path
    token: str
    seen: list[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self, body: bytes) -> None:
        if self.path.startswith(MOVED):
            self.send_response(302)
            place = f"https://127.0.0.1:{self.server.server_address[1]}/{self.path.removeprefix(MOVED)}"
            self.send_header("Location", place)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.seen.append(self.headers.get("Authorization", ""))
        _, _, encoded = self.seen[-1].partition(" ")
        if base64.b64decode(encoded).decode().partition(":")[2] != self.token:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._answer_by_git(body)

    def _answer_by_git(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": "someone",
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], check=True, env=env, input=body, stdout=subprocess.PIPE)  # noqa: S607
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that go away, as those do that refuse the certificate."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@dataclass
class HttpsServer:
    """A running server: where it is, the certificate to trust, and the Authorization headers that it was sent."""

    port: int
    certificate: Path
    seen: list[str] = field(default_factory=list)

    def url(self, repository: Repository) -> str:
        """The repository's URL."""
        return f"https://localhost:{self.port}/{repository.bare.name}"

    def redirecting_url(self, repository: Repository) -> str:
        """A URL that leads to the same repository on a server of another name."""
        return f"https://localhost:{self.port}{MOVED}{repository.bare.name}"


@contextmanager
def https_server(folder: Path, repository: Repository, token: str) -> Iterator[HttpsServer]:
    """Serves a repository by git-http-backend with a self-made certificate to whoever has the token."""
    folder.mkdir(exist_ok=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", key, "-out", certificate,
    )  # fmt: skip
    seen: list[str] = []
    members = {"folder": repository.bare.parent, "token": token, "seen": seen}
    server = _Server(("127.0.0.1", 0), type("Handler", (_GitHandler,), members))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    try:
        yield HttpsServer(server.server_port, certificate, seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
