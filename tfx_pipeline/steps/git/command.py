"""Runs git in an environment of its own, with a time limit, and keeps what it says."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tfx_pipeline.process.errors import UserError


class GitError(Exception):
    """git failed.

    Attributes:
        said: Its error output.
    """

    def __init__(self, command: str, said: str) -> None:
        super().__init__(f"git {command}: {said.strip()}")
        self.said = said


def require(*programs: str) -> None:
    """Raises a ``UserError`` where a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            raise UserError(f"{program}: not found in the image; use the project's image, or install git and ssh in it")


class Git:
    """git on one repository, until a common deadline."""

    def __init__(self, directory: Path, environment: Mapping[str, str], seconds: float) -> None:
        """Makes the repository.

        Args:
            directory: The repository; it must not exist.
            environment: All variables that git gets.
            seconds: Time for all commands together.
        """
        self._directory = directory
        self._environment = dict(environment)
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self.run("init", "--quiet", "--bare", "--template=", str(directory))

    def run(self, command: str, *arguments: str, work_tree: Path | None = None) -> str:
        """Runs a command.

        Args:
            command: Such as ``fetch``.
            arguments: Its arguments; no secret may be among them, since every process can read them.
            work_tree: Where files are written, for ``checkout``.

        Returns:
            The standard output.

        Raises:
            GitError: It failed.
            UserError: The time is over; git and its children were killed.
        """
        place = [f"--git-dir={self._directory}", *([f"--work-tree={work_tree}"] if work_tree else [])]
        with subprocess.Popen(  # noqa: S603 - no shell, and refs and URLs are checked
            ["git", *place, command, *arguments],  # noqa: S607 - by PATH, as the image has it
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            output, said = self._communicate(process)
        if process.returncode:
            raise GitError(command, said)
        return output

    def _communicate(self, process: "subprocess.Popen[str]") -> tuple[str, str]:
        try:
            return process.communicate(timeout=max(self._end - time.monotonic(), 0))
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"git: not done after {self._seconds:g} s; is the server reachable from the cluster, "
                "and the repository of a reasonable size?"
            ) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
