"""A pod: a process with a file system of its own, in which the launcher's and the volumes' paths exist."""

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.kubeflow.replay.objects import local_path
from tests.small_run import runs

PROJECT: Final = Path(__file__).parents[3]
LAUNCHER_DIRECTORIES: Final = ("/minio", "/s3", "/gcs", "/tmp")  # noqa: S108 - the pod's own
WORKING_DIRECTORY: Final = "/tmp/work"  # noqa: S108

IMAGE_ENVIRONMENT: Final = {
    "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": str(PROJECT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108
    "USER": "app",
    "LOGNAME": "app",
}
"""What the image sets; nothing of the environment of the tests reaches a pod."""

_FILL: Final = """
set -eu
root=$1 hidden=$2; shift 2
mount -t tmpfs pod "$root"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --rbind "$1" "$root$2"
    shift 2
done
shift
show() {
    if [ -L "$1" ]; then
        cp -P "$1" "$root$1"
    elif [ ! -e "$root$1" ]; then
        if [ -d "$1" ]; then mkdir "$root$1"; else : > "$root$1"; fi
        # Another test's temporary file may be gone by now.
        mount --rbind "$1" "$root$1" || [ ! -e "$1" ]
    fi
}
for entry in /*; do
    # A volume may be mounted in a directory of the image, such as /etc.
    if [ -d "$root$entry" ]; then
        for inner in "$entry"/*; do show "$inner"; done
    elif [ -d "$entry" ]; then
        show "$entry"
    fi
done
[ ! -d "$root$hidden" ] || mount -t tmpfs hidden "$root$hidden"
"""
"""Makes a root directory out of pairs of a source and a target and of all other directories of this machine's: a
stranger's image has /minio and /serving, but they cannot be made here."""


@cache
def has_namespaces() -> bool:
    """Whether this process may make a file system of its own; some containers and some distributions forbid it."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs x /mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class PodLostError(Exception):
    """Kubernetes took the pod away: deleted it, or lost its node."""


class Pod:
    """A pod in a directory of its own.

    Where this machine allows it, the pod has its own root directory, and none of the paths of other pods, of the
    object store and of the tests exist in it. Elsewhere, its paths are directories of this machine: artifacts then
    have a `customPath`, which the launcher's protocol knows, and parameters name the volumes' directories.
    """

    def __init__(self, directory: Path, volumes: Mapping[str, Path], *, prepared: bool) -> None:
        """Makes a pod.

        Args:
            directory: Made; holds what the pod writes outside of its volumes. The directory two above it is the
                cluster's, which no pod sees.
            volumes: Directory of this machine by mount path.
            prepared: Whether a module of the project begins with its libraries loaded, where this machine allows it.
        """
        self._prepared = prepared and has_namespaces() and hasattr(os, "unshare")
        self._directory = directory
        self._mounts = {path: directory / path.strip("/") for path in LAUNCHER_DIRECTORIES} | dict(volumes)
        for path in self._mounts.values():
            path.mkdir(parents=True, exist_ok=True)
        self.host(WORKING_DIRECTORY).mkdir(exist_ok=True)

    def host(self, path: str) -> Path:
        """This machine's path of a path in the pod."""
        mount = max((m for m in self._mounts if path == m or path.startswith(f"{m}/")), key=len)
        return self._mounts[mount] / path.removeprefix(mount).lstrip("/")

    def adapted(self, executor_input: dict[str, Any]) -> dict[str, Any]:
        """The executor input as the pod's process gets it."""
        if has_namespaces():
            return executor_input
        adapted = copy.deepcopy(executor_input)
        for side in ("inputs", "outputs"):
            for value in adapted[side].get("artifacts", {}).values():
                for artifact in value["artifacts"]:
                    artifact["customPath"] = str(self.host(local_path(artifact)))
        adapted["outputs"]["outputFile"] = str(self.host(adapted["outputs"]["outputFile"]))
        parameters = adapted["inputs"].get("parameterValues", {})
        for name, value in parameters.items():
            if isinstance(value, str) and any(value == m or value.startswith(f"{m}/") for m in self._mounts):
                parameters[name] = str(self.host(value))
        return adapted

    def run(self, command: list[str], env: Mapping[str, str], log: Path, evict_after: float | None = None) -> int:
        """Runs a command in the pod.

        Args:
            command: Found on the image's PATH.
            env: In addition to the image's.
            log: Receives what it prints.
            evict_after: Seconds after which Kubernetes takes the pod away.

        Returns:
            The exit code; that of a killed process is negative or above 128.

        Raises:
            PodLostError: The pod was taken away.
        """
        environment = {**IMAGE_ENVIRONMENT, **env}
        if self._prepared and command[:2] == ["python3", "-m"]:
            return self._run_prepared(command[1:], environment, log, evict_after)
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._enter(command, environment),
                cwd=self.host(WORKING_DIRECTORY),
                env=self._local(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(evict_after)
            process.kill()
            process.wait()
            raise PodLostError

    def _run_prepared(
        self, arguments: list[str], environment: dict[str, str], log: Path, evict_after: float | None
    ) -> int:
        """Runs a module of the project in a process that has the libraries already."""
        process = runs().start_program(
            *arguments, folder=WORKING_DIRECTORY, environment=environment, console=log, root=tuple(self._fill())
        )
        with contextlib.suppress(TimeoutError):
            return process.wait(evict_after or 600)
        os.kill(process.id, signal.SIGKILL)
        process.wait()
        raise PodLostError

    def _local(self, environment: dict[str, str]) -> dict[str, str]:
        return environment if has_namespaces() else {**environment, "HOME": str(self.host("/tmp"))}  # noqa: S108

    def _enter(self, command: list[str], environment: dict[str, str]) -> list[str]:
        if not has_namespaces():
            executable = shutil.which(command[0], path=environment["PATH"])
            return [executable or command[0], *command[1:]]
        _root, shell, option, script, *words = self._fill()
        enter = ["unshare", "--user", "--map-root-user", "--mount", shell, option, f'{script}exec chroot "$root" "$@"']
        return [*enter, *words, "env", f"--chdir={WORKING_DIRECTORY}", *command]

    def _fill(self) -> list[str]:
        """The pod's root directory, and the command that fills it."""
        root = self._directory / "root"
        root.mkdir(exist_ok=True)
        binds = {target: str(source) for target, source in self._mounts.items()}
        # The private /tmp hides these where they lie below this machine's /tmp.
        binds |= {path: path for path in (str(PROJECT), sys.prefix) if path.startswith("/tmp/")}  # noqa: S108
        pairs = [word for target, source in sorted(binds.items()) for word in (source, target)]
        where = [str(root), str(self._directory.parent.parent)]
        return [str(root), "sh", "-c", _FILL, "sh", *where, *pairs, "--"]

    def remove(self) -> None:
        """Removes what the pod wrote; its volumes stay."""
        shutil.rmtree(self._directory, ignore_errors=True)
