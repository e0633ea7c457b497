"""The environment of git and ssh: nothing but what is written here, so no user's or machine's settings take part."""

import os
import pwd
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tfx_pipeline.steps.git.secrets import write_private

_KEPT: Final = ("PATH", "TMPDIR", *(f"{kind}_proxy" for kind in ("http", "https", "all", "no")))
_CONNECT_SECONDS: Final = 20
_STALLED_SECONDS: Final = 60
_NSS_WRAPPER: Final = "*/libnss_wrapper.so"

GIT_CONFIG: Final = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": str(_STALLED_SECONDS),
    "http.sslVerify": "true",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "protocol.version": "2",
}
"""Settings of git, which fetches once, into a repository that is thrown away."""


def ssh_command(key: Path, known_hosts: Path) -> str:
    """The command by which git calls OpenSSH: this key, these host keys, no question to anyone."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(_CONNECT_SECONDS),
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "LogLevel": "ERROR",
        "PreferredAuthentications": "publickey",
        "ServerAliveCountMax": "3",
        "ServerAliveInterval": str(_STALLED_SECONDS // 3),
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        # OpenSSH reads this value as a list, with quotes of its own.
        "UserKnownHostsFile": f'"{known_hosts}"',
    }
    words = ["ssh", "-F", "none", "-i", str(key)]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def git_environment(home: Path, config: Mapping[str, str], ssh: str = "false") -> dict[str, str]:
    """Makes all environment variables of git.

    Args:
        home: A directory without any settings.
        config: Settings of git over ``GIT_CONFIG``, by name.
        ssh: The command for SSH; the default allows none.
    """
    kept = {name: os.environ[name] for key in _KEPT for name in (key, key.upper()) if name in os.environ}
    settings = [*GIT_CONFIG.items(), *config.items()]
    numbered = {f"GIT_CONFIG_KEY_{i}": name for i, (name, _value) in enumerate(settings)}
    numbered |= {f"GIT_CONFIG_VALUE_{i}": value for i, (_name, value) in enumerate(settings)}
    return {
        **kept,
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "ssh:https",
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_SSH_COMMAND": ssh,
        "GIT_SSH_VARIANT": "ssh",
        "GIT_TERMINAL_PROMPT": "0",
        **numbered,
        **named_user(home),
    }


def named_user(directory: Path, libraries: Path = Path("/usr/lib")) -> dict[str, str]:
    """Gives the current user a name where a cluster runs the image under a number without one.

    OpenSSH refuses to run for such a user; nss_wrapper has it find a name in a file.
    """
    uid, gid = os.getuid(), os.getgid()
    wrapper = next(libraries.glob(_NSS_WRAPPER), None)
    if _has_name(uid) or wrapper is None:
        return {}
    passwd, group = directory / "passwd", directory / "group"
    if not passwd.exists():
        write_private(passwd, f"app:x:{uid}:{gid}::{directory}:/bin/sh\n")
        write_private(group, f"app:x:{gid}:\n")
    return {"LD_PRELOAD": str(wrapper), "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
