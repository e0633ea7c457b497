"""Fetches one revision of a repository and writes its ``modules`` directory."""

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from tfx_pipeline.config.git_remote import Remote, check_ref, is_abbreviated_commit, is_commit, parse_url
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.git import PACKAGE
from tfx_pipeline.steps.git.command import Git, GitError, require
from tfx_pipeline.steps.git.environment import git_environment, ssh_command
from tfx_pipeline.steps.git.failures import MISSING_REF, REFUSED_COMMIT, explain, missing_ref
from tfx_pipeline.steps.git.secrets import (
    CA_CERTIFICATE,
    Secret,
    credentials_line,
    known_hosts,
    private_key,
    read,
    write_private,
)

SECONDS: Final = 900.0
"""Time for the whole checkout."""

_LINK_MODES: Final = {"120000": "a symbolic link", "160000": "a submodule"}


class Checkout(NamedTuple):
    """What was written.

    Attributes:
        commit: The full id of the commit that the ref stood for.
        subject: The first line of its message.
    """

    commit: str
    subject: str


def check_out(
    url: str, ref: str, destination: Path, *, ssh: Secret, token: Secret, seconds: float = SECONDS
) -> Checkout:
    """Writes ``modules`` of one revision into a directory.

    Keys and tokens are copied into files of a private directory that is gone when this returns; they are in no
    argument, no variable and no message. A token whose Secret has no name is none: the repository is public.

    Raises:
        UserError: The server, the login, the ref or the repository's content is not what it should be.
    """
    remote = parse_url(url)
    check_ref(ref)
    require("git", *(("ssh", "ssh-keygen") if remote.is_ssh else ()))
    with tempfile.TemporaryDirectory(prefix="source-") as name:
        home = Path(name)
        environment = _ssh_environment(home, remote, ssh) if remote.is_ssh else _https_environment(home, remote, token)
        git = Git(home / "repository", environment, seconds)
        try:
            commit = _fetch(git, remote, ref)
        except GitError as error:
            raise explain(error.said, remote, ssh, token) from error
        _refuse_unusable(git, remote, commit)
        git.run("checkout", "--quiet", "--force", commit, "--", PACKAGE, work_tree=destination)
        return Checkout(commit, git.run("log", "-1", "--format=%s", commit).strip())


def _ssh_environment(home: Path, remote: Remote, secret: Secret) -> dict[str, str]:
    # Both are read before either is copied: a Secret that lacks one leaves no trace.
    key, hosts = private_key(secret), known_hosts(secret, remote)
    key_file = write_private(home / "key", key)
    _refuse_unusable_key(key_file, secret)
    return git_environment(home, {}, ssh_command(key_file, write_private(home / "known_hosts", hosts)))


def _refuse_unusable_key(path: Path, secret: Secret) -> None:
    """Tells a damaged or locked key from one that the server refuses; OpenSSH says the same of all three."""
    done = subprocess.run(  # noqa: S603
        ["ssh-keygen", "-y", "-P", "", "-f", str(path)],  # noqa: S607 - by PATH, as the image has it
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=git_environment(path.parent, {}),
    )
    if done.returncode and "passphrase" in done.stderr:
        raise UserError(f"Secret {secret.name}: the private key has a passphrase; make a deploy key without one")
    if done.returncode and "No user exists" not in done.stderr:
        raise UserError(f"Secret {secret.name}: the private key is not one that OpenSSH can read; copy the file again")


def _https_environment(home: Path, remote: Remote, secret: Secret) -> dict[str, str]:
    config = {}
    line = credentials_line(secret, remote)
    if line is not None:
        config["credential.helper"] = f"store --file={shlex.quote(str(write_private(home / 'credentials', line)))}"
    authority = read(secret, (CA_CERTIFICATE,)) if secret.name else None
    if authority is not None:
        config["http.sslCAInfo"] = str(write_private(home / CA_CERTIFICATE, authority))
    return git_environment(home, config)


def _fetch(git: Git, remote: Remote, ref: str) -> str:
    """Fetches as little as the server allows, and returns the commit."""
    try:
        git.run("fetch", "--quiet", "--depth=1", "--no-tags", remote.url, ref)
    except GitError as error:
        wanted = REFUSED_COMMIT if is_commit(ref) else MISSING_REF
        if not wanted.search(error.said):
            raise
        if not (is_commit(ref) or is_abbreviated_commit(ref)):
            raise missing_ref(remote, ref) from error
        git.run("fetch", "--quiet", "--no-tags", remote.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        return _commit_of(git, remote, ref, ref)
    return _commit_of(git, remote, ref, "FETCH_HEAD")


def _commit_of(git: Git, remote: Remote, ref: str, fetched: str) -> str:
    try:
        return git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{fetched}^{{commit}}").strip()
    except GitError as error:
        raise missing_ref(remote, ref) from error


def _refuse_unusable(git: Git, remote: Remote, commit: str) -> None:
    """Refuses a revision without the package, and what an object store, which knows files only, cannot hold."""
    listing = git.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", PACKAGE)
    entries = [entry.partition("\t") for entry in listing.split("\0") if entry]
    if f"{PACKAGE}/__init__.py" not in {path for _, _, path in entries}:
        raise UserError(
            f"{remote.url}: commit {commit[:12]} has no {PACKAGE}/__init__.py; the repository must hold the package "
            f"{PACKAGE} at its top"
        )
    for details, _, path in entries:
        kind = _LINK_MODES.get(details.partition(" ")[0])
        if kind:
            raise UserError(f"{remote.url}: {path} at commit {commit[:12]} is {kind}; commit the files themselves")
