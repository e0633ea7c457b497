"""Checks out the code that the later steps import as ``modules``."""

import logging
from pathlib import Path
from typing import Any, Final, NamedTuple

from tfx_pipeline.steps.artifact import Artifact
from tfx_pipeline.steps.git.checkout import check_out
from tfx_pipeline.steps.git.secrets import Secret

logger = logging.getLogger(__name__)

SSH_MOUNT: Final = "/etc/ssh-key"
TOKEN_MOUNT: Final = "/etc/git-token"  # noqa: S105 - a path


class GitRepository(NamedTuple):
    """Where the user's code is, and the Secrets that open it.

    Attributes:
        url: The repository; text or a run parameter.
        ref: A branch, tag or commit, or ``HEAD``; text or a run parameter.
        ssh_secret: Name of the Secret with key and host keys.
        token_secret: Name of the Secret with a token; "" where there is none.
    """

    url: Any
    ref: Any
    ssh_secret: str
    token_secret: str


def check_out_modules(
    *, source: Artifact, repo_url: str, repo_ref: str, ssh_secret: str, ssh_dir: str, token_secret: str, token_dir: str
) -> None:
    """Writes ``modules`` into an artifact.

    Args:
        source: Receives ``modules``, and the properties ``commit`` (the full id), ``ref``, ``url`` and ``subject``
            (the first line of the commit's message).
        repo_url: The repository.
        repo_ref: A branch, tag or commit, or ``HEAD``.
        ssh_secret: Name of the Secret with key and host keys, for messages.
        ssh_dir: Where it is mounted.
        token_secret: Name of the Secret with a token; "" where there is none.
        token_dir: Where it is mounted.

    Raises:
        UserError: The server, the login, the ref or the repository's content is not what it should be.
    """
    done = check_out(
        repo_url,
        repo_ref,
        Path(source.uri),
        ssh=Secret(ssh_secret, Path(ssh_dir)),
        token=Secret(token_secret, Path(token_dir)),
    )
    for name, value in {"commit": done.commit, "subject": done.subject, "ref": repo_ref, "url": repo_url}.items():
        source.set_string_custom_property(name, value)
    logger.info("checked out %s at %s: commit %s, %s", repo_url, repo_ref, done.commit, done.subject)
