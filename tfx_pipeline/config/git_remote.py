"""Which repository and which revision: what is accepted as a URL and as the name of a branch, tag or commit."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tfx_pipeline.process.errors import UserError

_SCP_LIKE: Final = re.compile(r"(?:[\w.-]+@)?(?P<host>\[[0-9A-Fa-f:.]+\]|\w[\w.-]*):(?P<path>[^-].*)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_ABBREVIATED: Final = re.compile(r"[0-9a-f]{7,63}", re.IGNORECASE)
_NOT_IN_A_REF: Final = re.compile(r"[\s\x00-\x1f\x7f~^:?*\[\\]|\.\.|@\{|//|/$|\.$|\.lock$")

EXPECTED: Final = "expected ssh://git@HOST/PATH, git@HOST:PATH or https://HOST/PATH"


class Remote(NamedTuple):
    """A repository.

    Attributes:
        url: As git takes it; it holds no password.
        host: The server's name or address.
        port: Its port; None where it is the protocol's own.
        is_ssh: True for SSH, False for HTTPS.
    """

    url: str
    host: str
    port: int | None
    is_ssh: bool

    @property
    def known_hosts_name(self) -> str:
        """What OpenSSH calls the server in a ``known_hosts`` file."""
        return self.host if self.port in (None, 22) else f"[{self.host}]:{self.port}"


def parse_url(url: str) -> Remote:
    """Takes a URL apart.

    Protocols without a proof of who the server is (http, git, a path) are refused: what comes from it is run.

    Args:
        url: ``ssh://``, ``user@host:path`` or ``https://``.

    Returns:
        The repository.

    Raises:
        UserError: It is anything else, or holds a password or token, which the message does not show.
    """
    shown = _without_user(url)
    if not url.isprintable() or " " in url:
        raise UserError(f"repository {shown!r}: has a space or a control character; {EXPECTED}")
    if "://" not in url:
        return _parse_scp_like(url, shown)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UserError(f"repository {shown}: {error}; {EXPECTED}") from error
    if parts.scheme not in ("ssh", "https") or not re.match(r"[\w:]", host) or parts.path in ("", "/"):
        raise UserError(f"repository {shown}: {EXPECTED}")
    if parts.password is not None or (parts.scheme == "https" and parts.username is not None):
        raise UserError(
            f"repository {shown}: a URL must not hold a user or token, it is seen by all; "
            "put it into a Secret and name that in kubeflow.repo_token_secret"
        )
    return Remote(url, host, port, is_ssh=parts.scheme == "ssh")


def _parse_scp_like(url: str, shown: str) -> Remote:
    match = _SCP_LIKE.fullmatch(url)
    if match is None:
        raise UserError(f"repository {shown}: {EXPECTED}")
    return Remote(url, match["host"].strip("[]"), None, is_ssh=True)


def _without_user(url: str) -> str:
    return re.sub(r"://[^/]*@", "://", url)


def check_url(url: str) -> str:
    """Returns the URL if ``parse_url`` takes it.

    Raises:
        UserError: It does not.
    """
    return parse_url(url).url


def check_ref(ref: str) -> str:
    """Returns the name of a branch, tag or commit if git could take it for one, by the rules of git-check-ref-format.

    Args:
        ref: The name; ``HEAD`` is the repository's default branch.

    Raises:
        UserError: It is empty, an option, a refspec or an expression.
    """
    if not ref or ref[0] in "-+/." or _NOT_IN_A_REF.search(ref):
        raise UserError(f"ref {ref!r}: expected the name of a branch or tag, a commit, or HEAD")
    return ref


def is_commit(ref: str) -> bool:
    """Whether it is a full commit id, which means the same content for ever."""
    return _COMMIT.fullmatch(ref) is not None


def is_abbreviated_commit(ref: str) -> bool:
    """Whether it may be the beginning of a commit id; a branch can have such a name too."""
    return _ABBREVIATED.fullmatch(ref) is not None and not is_commit(ref)
