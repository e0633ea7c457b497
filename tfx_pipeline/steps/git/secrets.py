"""What the mounted Secrets hold, checked before any server is asked, and the private copies for git and ssh."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from tfx_pipeline.config.git_remote import Remote
from tfx_pipeline.process.errors import UserError

KEY_NAMES: Final = ("id_rsa", "ssh-privatekey")
"""Keys under which a Secret may hold the private key; the second is that of the type ``kubernetes.io/ssh-auth``."""
KNOWN_HOSTS: Final = "known_hosts"
TOKEN_NAMES: Final = ("token", "password")
"""Keys for the token; the second is that of the type ``kubernetes.io/basic-auth``, as is ``username``."""
USERNAME: Final = "username"
CA_CERTIFICATE: Final = "ca.crt"
DEFAULT_USERNAME: Final = "x-access-token"
"""GitHub, GitLab and Gitea take any name beside a token; Bitbucket wants one of its own."""


class Secret(NamedTuple):
    """A mounted Secret.

    Attributes:
        name: Its name, for messages; "" where none is configured.
        directory: Where it is mounted; there is nothing when the Secret does not exist.
    """

    name: str
    directory: Path


def read(secret: Secret, names: Sequence[str]) -> str | None:
    """Reads the first of these keys that the Secret has.

    Returns:
        The text, or None where it has none of them or they are empty.

    Raises:
        UserError: It may not be read, or is not text.
    """
    for name in names:
        path = secret.directory / name
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(
                f"Secret {secret.name}: {path} cannot be read by user {os.getuid()}: {error.strerror}; "
                "mount it with a mode that this user can read"
            ) from error
        except UnicodeDecodeError as error:
            raise UserError(f"Secret {secret.name}: {name} is not text; make the Secret again from the file") from error
        if text.strip():
            return text
    return None


def private_key(secret: Secret) -> str:
    """The private key, with the line ends that OpenSSH insists on and copying by hand often loses.

    Raises:
        UserError: There is none.
    """
    text = read(secret, KEY_NAMES)
    if text is None:
        raise UserError(
            f"Secret {secret.name}: no key {' or '.join(KEY_NAMES)} at {secret.directory}; make it with: "
            f"kubectl create secret generic {secret.name} --from-file=id_rsa --from-file=known_hosts"
        )
    return text.replace("\r\n", "\n").strip() + "\n"


def known_hosts(secret: Secret, remote: Remote) -> str:
    """The host keys that are trusted.

    Raises:
        UserError: There are none; asking the server itself for its key would trust whoever answers.
    """
    text = read(secret, (KNOWN_HOSTS,))
    if text is None:
        raise UserError(
            f"Secret {secret.name}: no key {KNOWN_HOSTS}, so the server cannot be trusted; {keyscan_advice(remote)}"
        )
    return text.replace("\r\n", "\n")


def keyscan_advice(remote: Remote) -> str:
    """How to make ``known_hosts`` for a server, in words that end a message."""
    port = f"-p {remote.port} " if remote.port else ""
    return (
        f"make it with: ssh-keyscan {port}{remote.host} > known_hosts, compare what ssh-keygen -lf known_hosts shows "
        "with the fingerprints that the server's operator publishes, and add the file to the Secret"
    )


def credentials_line(secret: Secret, remote: Remote) -> str | None:
    """The line for git's own credential store, which gives the token to this server and no other.

    Args:
        secret: With ``token`` or ``password``, and perhaps ``username``.
        remote: The repository.

    Returns:
        The line; None where no Secret is configured, or one that holds nothing but a certificate.

    Raises:
        UserError: The Secret has neither.
    """
    token = read(secret, TOKEN_NAMES) if secret.name else None
    if token is None:
        if not secret.name or read(secret, (CA_CERTIFICATE,)):
            return None
        raise UserError(
            f"Secret {secret.name}: no key {' or '.join(TOKEN_NAMES)} at {secret.directory}; make it with: "
            f"kubectl create secret generic {secret.name} --from-file=token"
        )
    username = (read(secret, (USERNAME,)) or DEFAULT_USERNAME).strip()
    host = f"[{remote.host}]" if ":" in remote.host else remote.host
    port = f":{remote.port}" if remote.port else ""
    return f"https://{quote(username, safe='')}:{quote(token.strip(), safe='')}@{host}{port}\n"


def write_private(path: Path, text: str) -> Path:
    """Writes a new file that only its owner can read, from the first byte on; returns its path."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
