"""A claim that Beam's remote workers mount as well, at the same path: they see nothing else of a step's pod.

What a Beam step reads is copied there, the step and its workers write there, and what they wrote is copied to where the
launcher looks for it. Each attempt has a folder of its own, so that no two meet, not even two pods of one step of which
Kubernetes lost one. The folder goes with the attempt; what a killed pod left goes when another step finds it old.
"""

import contextlib
import logging
import os
import re
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tfx_pipeline.kubeflow.step.executor_input import make_directories
from tfx_pipeline.kubeflow.step.executor_output import remote
from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, map_artifacts
from tfx_pipeline.process import signals
from tfx_pipeline.process.errors import UserError, causes, is_disk_full
from tfx_pipeline.process.files import remove

logger = logging.getLogger(__name__)

MOUNT_VARIABLE: Final = "BEAM_MOUNT"
"""Holds the path at which steps and workers mount the claim; the package sets it for the steps that use Beam."""

_PREFIX: Final = "tfx-beam-"
_OWN: Final = re.compile(rf"{_PREFIX}.*-[0-9a-f]{{32}}")
_BEAT_SECONDS: Final = 30
_DEAD_SECONDS: Final = 15 * 60
"""Age from which a folder has no owner: thirty beats. Kubernetes ends a pod within a second of SIGTERM, before it can
clean, and each run that was ended so would leave its data for ever longer on the claim."""
_LEAST_FREE: Final = 64 << 20  # bytes
_CACHE: Final = "XDG_CACHE_HOME"
_REFUSALS: Final = {
    r"No such file|NOT_FOUND|NotFoundError": "do not see",
    r"Permission denied|PERMISSION_DENIED|PermissionDeniedError|Read-only file system": "may not use",
}
"""What a worker says of a file on the claim, by what is wrong with the worker."""


class SharedClaim:
    """The claim as an attempt of a step, or of the members of a stage, uses it."""

    def __init__(self, mount: str) -> None:
        """Names a folder for the attempts; it is made by the first step that needs it.

        Args:
            mount: Where the claim is mounted; "" where there is none.
        """
        self._mount = Path(mount)
        self.folder = self._mount / f"{_PREFIX}{socket.gethostname()}-{uuid.uuid4().hex}"
        self._there: set[str] = set()
        self.is_given = bool(mount)

    def run(self, prepared: Message, execute: Callable[[Message], Message]) -> Message:
        """Runs a Beam step on the claim.

        Args:
            prepared: A prepared ``ExecutorInput``, with local paths, whose directories exist.
            execute: Runs the step's executor on such a message, and returns its ``ExecutorOutput``.

        Returns:
            The ``ExecutorOutput`` with local paths, at which the outputs are.

        Raises:
            Interrupted: A signal asked the step to end.
            UserError: The claim is not there, cannot be written or is full, or the workers do not see it.
            Exception: Whatever the executor raises.
        """
        places = {
            artifact["uri"]: str(self.place(artifact["uri"]))
            for side in ("inputs", "outputs")
            for _key, artifact in artifacts_of(prepared[side])
        }
        with self._named_errors():
            self._open()
            self._bring(prepared)
            # A signal is an exception then, for which a runner cancels its job on the cluster.
            with self._data_cache(), signals.raising():
                output = execute(self._placed(prepared, places))
        for _key, artifact in artifacts_of(prepared["outputs"]):
            _copy(self.place(artifact["uri"]), Path(artifact["uri"]))
            self._there.add(artifact["uri"])
        back = {place: local for local, place in places.items()}
        returned: Message = remote(output, back)
        return returned

    def place(self, local: str) -> Path:
        """Where the artifact of a local path lies on the claim."""
        return self.folder / local.lstrip("/")

    def remove(self) -> None:
        """Removes the attempt's folder, if it was made."""
        if self.is_given:
            # What a worker still holds open goes with a later sweep; a line of it would hide the step's last one.
            shutil.rmtree(self.folder, ignore_errors=True)

    def _open(self) -> None:
        """Makes the folder once, keeps it young, and removes what killed pods left beside it."""
        if self._there or self.folder.is_dir():
            return
        if not self._mount.is_dir():
            raise UserError(
                f"{self._mount}: is no folder in this pod, expected the claim that steps and Beam's workers share; "
                "write the package with --beam-pvc, and mount nothing else there"
            )
        try:
            self.folder.mkdir()
        except OSError as error:
            if is_disk_full(error):
                raise
            raise UserError(
                f"{self._mount}: the claim of --beam-pvc cannot be written by the user {os.getuid()} of this pod "
                f"({error.strerror}); mount it ReadWriteMany, with a group or owner that may write"
            ) from error
        threading.Thread(target=_keep_young, args=[self.folder], daemon=True).start()
        sweep(self._mount, self.folder.stat().st_mtime)

    def _bring(self, prepared: Message) -> None:
        """Copies the inputs that are not there already, as those are that a member before this one made."""
        for _key, artifact in artifacts_of(prepared["inputs"]):
            if artifact["uri"] not in self._there:
                _copy(Path(artifact["uri"]), self.place(artifact["uri"]))
                self._there.add(artifact["uri"])

    def _placed(self, prepared: Message, places: dict[str, str]) -> Message:
        """The message with paths on the claim; Beam's temporary files go beside the output file."""

        def placed(_key: str, artifact: Message) -> Message:
            return {**artifact, "uri": places[artifact["uri"]]}

        sides = {side: map_artifacts(prepared[side], placed) for side in ("inputs", "outputs")}
        outputs = {**sides["outputs"], "outputFile": str(self.place(prepared["outputs"]["outputFile"]))}
        message = {**prepared, **sides, "outputs": outputs}
        for _key, artifact in artifacts_of(outputs):
            remove(Path(artifact["uri"]))
        make_directories(message)
        Path(outputs["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
        return message

    @contextlib.contextmanager
    def _data_cache(self) -> Iterator[None]:
        """Has example-gen bring its source to where its workers read it."""
        before = os.environ.get(_CACHE)
        os.environ[_CACHE] = str(self.folder / "cache")
        try:
            yield
        finally:
            os.environ.pop(_CACHE)
            if before is not None:
                os.environ[_CACHE] = before

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            found = list(causes(error))
            if not any(isinstance(cause, UserError) for cause in found):
                if any(map(is_disk_full, found)) and self._is_full(" ".join(map(str, found))):
                    raise UserError(
                        f"{self._mount}: the claim of --beam-pvc is full; give it more room, or remove what else lies "
                        f"there"
                    ) from error
                if what := next(filter(None, map(self._refused, map(str, found))), ""):
                    raise UserError(
                        f"{self._mount}: Beam's workers {what} what this step has there; mount the claim of "
                        "--beam-pvc in them too, at the same path and for the same user"
                    ) from error
            raise

    def _is_full(self, text: str) -> bool:
        """Whether it is the claim that has no room, and no other volume of this pod or of a worker."""
        return str(self.folder) in text or shutil.disk_usage(self._mount).free < _LEAST_FREE

    def _refused(self, text: str) -> str:
        """What is wrong with workers, where they miss files whose folder this step sees; "" where it is not that."""
        paths = re.findall(rf"{re.escape(str(self.folder))}/[^\s'\";:,)\]]+", text)
        if any(Path(path).parent.is_dir() for path in paths):
            return next((what for pattern, what in _REFUSALS.items() if re.search(pattern, text)), "")
        return ""


def sweep(mount: Path, now: float) -> None:
    """Removes folders that no attempt has touched for a quarter of an hour.

    Args:
        mount: Where the claim is mounted.
        now: The time as its file system counts it, in seconds since the epoch: pods' clocks differ.
    """
    for folder in mount.iterdir():
        with contextlib.suppress(OSError):
            if _OWN.fullmatch(folder.name) and now - folder.stat().st_mtime > _DEAD_SECONDS:
                logger.info("removes %s, which a killed step left", folder)
                shutil.rmtree(folder, ignore_errors=True)


def _keep_young(folder: Path) -> None:
    ended = threading.Event()
    while not ended.wait(_BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(folder)


def _copy(source: Path, target: Path) -> None:
    """Copies a file or a directory, in the place of what is there."""
    remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    elif source.exists():
        shutil.copyfile(source, target)
