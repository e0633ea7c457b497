"""Takes secrets out of text that is kept or shown: credentials in URLs and flags, and values of the environment."""

import functools
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Final

HIDDEN: Final = "[redacted]"

_WORD: Final = r"(?:token|secret|passw(?:or)?d|passphrase|signature|credential|(?:api|access|private|account)[_-]?key)"
_SECRET_NAME: Final = re.compile(rf"{_WORD}|cookie|_key$|^key$", re.IGNORECASE)
_SHORTEST: Final = 6
"""Characters of the shortest value taken for a secret; shorter ones would hit ordinary words."""

_PATTERNS: Final = (
    # https://user:password@host, and https://token@host; the user of ssh://git@host is no secret.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s/@\"']+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bhttps?://)[^\s/:@\"']+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # ?X-Amz-Signature=..., &access_token=..., ?sig=...
    (
        re.compile(rf"([?&;](?:[\w.%-]*{_WORD}[\w.%-]*|key|sig|auth|AWSAccessKeyId)=)[^\s&;#\"'<>]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # --s3_secret_access_key=..., but not "--token or KFP_TOKEN"
    (re.compile(rf"(--[\w-]*{_WORD}[\w-]*[= ])(?!-|or |and )[^\s\"',\]]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bauthorization\b[\"']?\s*[:=]\s*[\"']?(?:\w+ )?)[^\s\"',]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\b(?:set-)?cookie[\"']?\s*:\s*[\"']?)[^\r\n\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bbearer )[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
)


_told: Final[set[str]] = set()


def hide(secret: str) -> None:
    """Has ``redact`` replace a secret that is not in the environment from now on, such as one of a file."""
    if len(secret) >= _SHORTEST:
        _told.update((secret, urllib.parse.quote(secret, safe="")))


def redact(text: str) -> str:
    """Replaces each credential in a URL or flag, and each secret of a variable or told by ``hide``, by ``HIDDEN``."""
    for value in (*sorted(_told, key=len, reverse=True), *_environment_secrets()):
        text = text.replace(value, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def without_credentials(location: str | None) -> str | None:
    """Returns a location that is kept in metadata and packages.

    Raises:
        ValueError: It holds credentials.
    """
    if location and redact(location) != location:
        raise ValueError("expected a location without credentials, which belong in the environment")
    return location


def redact_all(value: Any) -> Any:
    """Replaces secrets in every text of nested dictionaries, lists and tuples, as JSON can hold them."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_all(item) for key, item in value.items()}
    return [redact_all(item) for item in value] if isinstance(value, list | tuple) else value


@functools.cache
def _environment_secrets() -> tuple[str, ...]:
    """The secret values of the environment, as they are and as URLs hold them; the longest first."""
    values = {form for value in _secret_values() for form in (value, urllib.parse.quote(value, safe=""))}
    return tuple(sorted(values, key=len, reverse=True))


def _secret_values() -> Iterator[str]:
    for name, value in os.environ.items():
        # The path of a secret is no secret: GOOGLE_APPLICATION_CREDENTIALS names a file.
        if _SECRET_NAME.search(name) and not os.path.exists(value):  # noqa: PTH110 - value may be no path at all
            # Each line of a private key stands in a line of its own.
            yield from (line for line in value.splitlines() if len(line.strip()) >= _SHORTEST)
