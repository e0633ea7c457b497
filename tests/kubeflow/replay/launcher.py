"""The launcher: runs one attempt of a task in its pod (`backend/src/v2/component/launcher_v2.go`)."""

import contextlib
import copy
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow.replay.metadata import Metadata
from tests.kubeflow.replay.objects import ObjectStore, UnknownSchemeError, local_path
from tests.kubeflow.replay.pod import Pod

Message = dict[str, Any]

LOGS: Final = "executor-logs"
EXECUTOR_INPUT: Final = "{{$}}"
KUBERNETES_VARIABLE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")


class LauncherError(Exception):
    """The launcher fails an attempt whose command succeeded."""


def expanded(text: str, env: Mapping[str, str]) -> str:
    """What Kubernetes makes of an argument: `$(NAME)` is the variable if there is one, `$$` is `$`."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else env.get(match[1], match[0])

    return KUBERNETES_VARIABLE.sub(value, text)


def command_line(container: Message, executor_input: Message, env: Mapping[str, str]) -> list[str]:
    """The command, with the executor input in place of its placeholder."""
    proto = json_format.ParseDict(executor_input, pipeline_spec_pb2.ExecutorInput())
    serialized = json.dumps(json_format.MessageToDict(proto), separators=(",", ":"))
    words = [expanded(word, env) for word in [*container["command"], *container["args"]]]
    return [word.replace(EXECUTOR_INPUT, serialized) for word in words]


class Launcher:
    """Runs attempts, with the backend's object store and metadata.

    Attributes:
        seconds: How long the parts of the latest attempt took: download, command and upload.
    """

    def __init__(self, store: ObjectStore, metadata: Metadata, run_root: str) -> None:
        self.seconds: dict[str, float] = {}
        self._store = store
        self._metadata = metadata
        self._run_root = run_root

    def launch(
        self,
        container: Message,
        executor_input: Message,
        pod: Pod,
        env: Mapping[str, str],
        attempt: int,
        log: Path,
        evict_after: float | None = None,
    ) -> dict[str, str] | None:
        """Runs one attempt.

        Args:
            container: The package's.
            executor_input: The driver's.
            pod: A new one.
            env: The container's.
            attempt: Counted from 0.
            log: A file for what the command prints.
            evict_after: Seconds after which the pod is taken away.

        Returns:
            The ids of the recorded outputs by key, or None where the command failed.

        Raises:
            LauncherError: The output is not what the launcher takes.
            PodLostError: The pod was taken away.
        """
        executor_input = copy.deepcopy(executor_input)
        executor_input["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"] += f"-{attempt}"
        with self._timed("download"):
            self._prepare(executor_input, pod)
        adapted = pod.adapted(executor_input)
        with self._timed("command"):
            code = pod.run(command_line(container, adapted, env), env, log, evict_after)
        if code != 0:
            return None
        output = _read_output(pod.host(executor_input["outputs"]["outputFile"]))
        with self._timed("upload"):
            return self._publish(executor_input, output, pod, log)

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - begin

    def _prepare(self, executor_input: Message, pod: Pod) -> None:
        """Downloads the inputs, and makes the parents of the outputs, not their directories."""
        for value in executor_input["inputs"].get("artifacts", {}).values():
            for artifact in value["artifacts"]:
                try:
                    self._store.download(artifact["uri"], pod.host(local_path(artifact)))
                except UnknownSchemeError:
                    continue
        for value in executor_input["outputs"]["artifacts"].values():
            pod.host(local_path(value["artifacts"][0])).parent.mkdir(parents=True, exist_ok=True)

    def _publish(self, executor_input: Message, output: Message, pod: Pod, log: Path) -> dict[str, str]:
        """Merges what the step wrote into the outputs, uploads them and records them."""
        recorded = {}
        for key, value in executor_input["outputs"]["artifacts"].items():
            artifact = value["artifacts"][0]
            written = output.get("artifacts", {}).get(key, {}).get("artifacts", [])
            if written and key != LOGS:
                _merge(written[0], artifact)
            self._upload(artifact, pod, log if key == LOGS else None)
            recorded[key] = self._metadata.record(key, artifact)
        return recorded

    def _upload(self, artifact: Message, pod: Pod, log: Path | None) -> None:
        try:
            local = log or pod.host(local_path(artifact))
        except UnknownSchemeError:
            return  # the launcher only warns, and records an artifact without objects
        if not artifact["uri"].startswith(f"{self._run_root}/"):
            raise LauncherError(f"{artifact['uri']} does not lie under {self._run_root}")
        if local.exists():
            self._store.upload(local, artifact["uri"])


def _read_output(path: Path) -> Message:
    """Reads the step's output file; an unknown field fails the task, a missing file does not."""
    if not path.exists():
        return {}
    message = pipeline_spec_pb2.ExecutorOutput()
    try:
        json_format.Parse(path.read_text(), message)
    except json_format.ParseError as error:
        raise LauncherError(f"failed to unmarshall ExecutorOutput: {error}") from error
    parsed: Message = json.loads(path.read_text())
    return parsed


def _merge(source: Message, target: Message) -> None:
    if source.get("uri"):
        target["uri"] = source["uri"]
    target["metadata"] = {**target.get("metadata", {}), **source.get("metadata", {})}
    if source.get("customPath"):
        target["customPath"] = source["customPath"]
