"""Turns what git and ssh say into one line that says what to do."""

import re
from typing import Final

from tfx_pipeline.config.git_remote import Remote
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.git.secrets import Secret, keyscan_advice

MISSING_REF: Final = re.compile(r"couldn't find remote ref", re.IGNORECASE)
REFUSED_COMMIT: Final = re.compile(r"unadvertised object|not our ref|couldn't find remote ref", re.IGNORECASE)
"""What servers say that hand out the tips of branches and tags only, or do not have the commit."""

_EXPLANATIONS: Final = {
    r"REMOTE HOST IDENTIFICATION HAS CHANGED": (
        "the key of {host} is not the one in known_hosts of Secret {ssh}: someone may be in between; only if its "
        "operator announced a new key, {keyscan}"
    ),
    r"host key is known for|Host key verification failed": (
        "known_hosts of Secret {ssh} has no key for {host}; {keyscan}"
    ),
    r"No user exists for uid": (
        "ssh knows no user of this number; install libnss-wrapper in the image, or "
        "--set kubeflow.steps.source-checkout.run_as_user to a user that the image has"
    ),
    r"Permission denied \(": (
        "the server does not accept the key in Secret {ssh}; add its public key to the repository as a deploy key"
    ),
    r"could not read Username": (
        "it asks for a login; put a token into a Secret and name that in kubeflow.repo_token_secret"
    ),
    r"Authentication failed|returned error: 401": (
        "the token in Secret {token} is not accepted; is it valid, and may it read this repository?"
    ),
    r"returned error: 403": "the token in Secret {token} may not read this repository; give it that right",
    r"certificate": (
        "the certificate of {host} is not trusted; put its authority's certificate as ca.crt into the Secret of "
        "kubeflow.repo_token_secret"
    ),
    r"resolve host": "{host} is not known to the name server; correct the URL",
    r"Connection (refused|timed out|reset)|Failed to connect|No route to host|Network is unreachable|Timeout": (
        "{host} cannot be reached; can the cluster open connections to it?"
    ),
    r"not found|not appear to be a git repository|could not be found|does not exist": (
        "there is no such repository, or the key or token may not read it; correct the URL or give it that right"
    ),
}
"""Pattern and explanation, the most particular first."""


def missing_ref(remote: Remote, ref: str) -> UserError:
    """The error for a branch, tag or commit that does not exist."""
    return UserError(
        f"{remote.url}: has no branch, tag or commit {ref}; push it, or give another one with --repo-ref or the run "
        "parameter repo_ref"
    )


def explain(said: str, remote: Remote, ssh: Secret, token: Secret) -> UserError:
    """Makes the error for a failed contact with the server."""
    for pattern, explanation in _EXPLANATIONS.items():
        if re.search(pattern, said, re.IGNORECASE):
            text = explanation.format(
                host=remote.known_hosts_name,
                ssh=ssh.name,
                token=token.name or "(none)",
                keyscan=keyscan_advice(remote),
            )
            return UserError(f"{remote.url}: {text}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return UserError(
        f"{remote.url}: git failed: {lines[-1] if lines else 'without a word'}; correct the URL or the ref"
    )
