"""The backend: takes a package file and runs it to its end."""

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.kubeflow.replay import driver
from tests.kubeflow.replay.launcher import LOGS, Launcher
from tests.kubeflow.replay.metadata import Metadata
from tests.kubeflow.replay.objects import ObjectStore
from tests.kubeflow.replay.package import Package, RejectedError
from tests.kubeflow.replay.pod import Pod, PodLostError
from tests.kubeflow.replay.retries import FAILED, LOST, Retries

Message = dict[str, Any]

DONE: Final = frozenset({"COMPLETE", "CACHED"})


@dataclass
class Run:
    """What the page of a run shows.

    Attributes:
        root: The run's folder in the object store, a URI.
        states: "succeeded", "cached", "failed" or "not run" by task.
        outputs: Ids of the recorded outputs by task and key.
        logs: What each attempt of a task printed.
        inputs: The executor input of each task that ran.
        lost: Whether the last pod was taken away.
        seconds: Of the last pod of each task that ran: its download, command and upload.
    """

    root: str
    states: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    inputs: dict[str, Message] = field(default_factory=dict)
    lost: bool = False
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)


class Backend:
    """A cluster with Kubeflow Pipelines: what outlives a run."""

    def __init__(
        self,
        directory: Path,
        volumes: Mapping[str, Path],
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        root: str = "minio://mlpipeline/v2/artifacts",
        version: str = "2.17",
        *,
        prepared: bool = True,
    ) -> None:
        """Makes a cluster.

        Args:
            directory: For objects and pods.
            volumes: Directory of this machine by the name of an existing claim.
            secrets: Values by key of each existing Secret.
            root: The pipeline root.
            version: Of Kubeflow Pipelines, whose retries differ.
            prepared: Whether steps begin with their libraries loaded, which spares each a new interpreter.
        """
        self.store = ObjectStore(directory / "objects")
        self.metadata = Metadata()
        self._directory = directory
        self._volumes = volumes
        self._secrets = secrets or {}
        self._root = root
        self.version = version
        self._prepared = prepared
        self._cache: dict[str, dict[str, str]] = {}
        self._numbers = itertools.count()

    def run(
        self,
        package: Package,
        parameters: Message | None = None,
        evictions: Mapping[str, list[float]] | None = None,
    ) -> Run:
        """Runs a package.

        Args:
            package: What was uploaded.
            parameters: What is given on the "Create run" page.
            evictions: For each task, seconds after which the pods of its first attempts are taken away.

        Returns:
            The run, finished or failed.

        Raises:
            RejectedError: The run cannot be created.
        """
        values = package.parameters(parameters or {})
        configs = {name: package.kubernetes(task) for name, task in package.tasks.items()}
        identifier = str(uuid.uuid4())
        run = Run(root=f"{self._root}/{package.name}/{identifier}")
        workspace = self._directory / "workspaces" / identifier if package.has_workspace() else None
        pods = {
            name: _PodConfig(self._volumes, self._secrets, config, workspace, self._directory / "secrets")
            for name, config in configs.items()
        }
        with self.metadata.served() as env:
            self._run_dag(run, package, package.spec["root"]["dag"], values, _Pods(pods, dict(evictions or {}), env))
        return run

    def _run_dag(self, run: Run, package: Package, dag: Message, values: Message, pods: "_Pods") -> str:
        """Runs the tasks of a DAG, and after a task its exit tasks; returns its state as ML Metadata has it."""
        exits = {name: task for name, task in dag["tasks"].items() if driver.is_exit(task)}
        tasks = {name: task for name, task in dag["tasks"].items() if name not in exits}
        states: dict[str, str] = {}
        for name in driver.order(tasks):
            task, component = tasks[name], package.component(tasks[name])
            if any(states[producer] not in DONE for producer in driver.upstream(task)):
                run.states[name] = states[name] = "not run"
            elif "dag" in component:
                inner = driver.resolve_parameters(task, values, {})
                states[name] = self._run_dag(run, package, component["dag"], inner, pods)
            else:
                states[name] = self._run_task(run, package, name, values, pods)
            status = {"state": states[name], "pipelineTaskName": name, "error": {}}
            for after in (after for after, exit_task in exits.items() if name in driver.upstream(exit_task)):
                if states[name] != "not run":
                    self._run_task(run, package, after, values, pods, status)
        if "FAILED" in states.values():
            return "FAILED"
        return "COMPLETE" if all(state in DONE for state in states.values()) else "RUNNING"

    def volume(self, claim: str) -> Path:
        """The directory of a claim."""
        return self._volumes[claim]

    def artifact(self, run: Run, task: str, key: str) -> Message:
        """An output of a task, as ML Metadata has it."""
        return self.metadata.read_back(run.outputs[task][key])

    def files(self, run: Run, task: str, key: str) -> set[str]:
        """Names of the objects of an output."""
        folder = self.store.path(self.artifact(run, task, key)["uri"])
        return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}

    def _run_task(
        self,
        run: Run,
        package: Package,
        name: str,
        values: Message,
        pods: "_Pods",
        final_status: Message | None = None,
    ) -> str:
        """Runs a task that has a container; returns its state as ML Metadata has it."""
        task, container = package.tasks[name], package.executor(package.tasks[name])["container"]
        config, run_id = pods.configs[name], run.root.rsplit("/", 1)[1]
        constants = {
            "{{$.pipeline_job_uuid}}": run_id,
            "{{$.pipeline_job_name}}": f"{package.name} run",
            "{{$.pipeline_task_name}}": name,
        }
        executor_input = {
            "inputs": {
                "parameterValues": driver.resolve_parameters(task, values, constants, final_status),
                "artifacts": driver.resolve_artifacts(task, run.outputs, self.metadata.read_back),
            },
            "outputs": driver.provision(package.component(task), f"{run.root}/{name}/{uuid.uuid4()}"),
        }
        run.inputs[name] = executor_input
        execution = self.metadata.begin(run_id, name)
        caches = task.get("cachingOptions", {}).get("enableCache", False)
        key = f"{package.name} {driver.fingerprint(executor_input, container, config.claims())}"
        if caches and key in self._cache:
            run.states[name], run.outputs[name] = "cached", self._cache[key]
            self.metadata.end(execution, "CACHED", self._cache[key])
            return "CACHED"
        run.states[name] = "failed"
        outputs = self._attempts(run, name, task, container, executor_input, pods)
        if outputs is None:
            self.metadata.end(execution, "RUNNING" if run.lost else "FAILED", {})
            return "RUNNING" if run.lost else "FAILED"
        run.states[name], run.outputs[name] = "succeeded", outputs
        self.metadata.end(execution, "COMPLETE", outputs)
        if caches:
            self._cache[key] = outputs
        return "COMPLETE"

    def _attempts(
        self, run: Run, name: str, task: Message, container: Message, executor_input: Message, pods: "_Pods"
    ) -> dict[str, str] | None:
        launcher = Launcher(self.store, self.metadata, run.root)
        policy, config = task.get("retryPolicy", {}), pods.configs[name]
        retries, evictions = Retries(policy, self.version), list(pods.evictions.get(name, []))
        for attempt in itertools.count():
            directory = self._directory / "pods" / f"{next(self._numbers):03d}-{name}"
            pod = Pod(directory, config.mounts(executor_input), prepared=self._prepared)
            log = directory / LOGS
            env = {
                **{entry["name"]: entry.get("value", "") for entry in container.get("env", [])},
                **config.secret_env(),
                **pods.env,
                "KFP_POD_NAME": directory.name,
                "KFP_POD_UID": str(uuid.uuid4()),
                **({"KFP_RETRY_INDEX": str(attempt)} if policy else {}),
            }
            evict_after = evictions.pop(0) if evictions else None
            run.lost = False
            try:
                outputs = launcher.launch(container, executor_input, pod, env, attempt, log, evict_after)
            except PodLostError:
                outputs, run.lost = None, True
            finally:
                run.logs.setdefault(name, []).append(log.read_text(errors="replace"))
                run.seconds[name] = launcher.seconds
                pod.remove()
            if outputs is not None or not retries.again(LOST if run.lost else FAILED):
                return outputs
        return None


@dataclass(frozen=True)
class _Pods:
    """What is known of the pods of a run before it begins.

    Attributes:
        configs: By task.
        evictions: For each task, seconds after which the pods of its first attempts are taken away.
        env: Variables of all containers.
    """

    configs: Mapping[str, "_PodConfig"]
    evictions: Mapping[str, list[float]]
    env: Mapping[str, str]


@dataclass(frozen=True)
class _PodConfig:
    """What the second document asks for a task's pods."""

    volumes: Mapping[str, Path]
    secrets: Mapping[str, Mapping[str, str]]
    config: Message
    workspace: Path | None
    secret_directory: Path

    def claims(self) -> list[str]:
        return [_constant(mount["pvcNameParameter"]) for mount in self.config.get("pvcMount", [])]

    def mounts(self, executor_input: Message) -> dict[str, Path]:
        """Directory by mount path; the workspace where a parameter names it.

        Raises:
            RejectedError: A claim does not exist: the pod would stay pending.
        """
        mounts = {}
        for claim, mount in zip(self.claims(), self.config.get("pvcMount", []), strict=True):
            if claim not in self.volumes:
                raise RejectedError(f"persistentvolumeclaim {claim!r} not found")
            mounts[mount["mountPath"]] = self.volumes[claim]
        values = executor_input["inputs"]["parameterValues"].values()
        if self.workspace and any(driver.WORKSPACE in value for value in values if isinstance(value, str)):
            mounts[driver.WORKSPACE] = self.workspace
        return mounts | self._secret_mounts()

    def _secret_mounts(self) -> dict[str, Path]:
        """Directories with a Secret's keys as files; an optional one without its Secret is empty."""
        mounts = {}
        for mount in self.config.get("secretAsVolume", []):
            name = _constant(mount["secretNameParameter"])
            if name not in self.secrets and not mount.get("optional"):
                raise RejectedError(f"secret {name!r} not found")
            directory = self.secret_directory / name
            directory.mkdir(parents=True, exist_ok=True)
            for key, value in self.secrets.get(name, {}).items():
                (directory / key).write_text(value)
            mounts[mount["mountPath"]] = directory
        return mounts

    def secret_env(self) -> dict[str, str]:
        """Variables from Secrets; one without its Secret must be optional."""
        env = {}
        for source in self.config.get("secretAsEnv", []):
            secret = self.secrets.get(_constant(source["secretNameParameter"]))
            if secret is None and not source.get("optional"):
                raise RejectedError(f"secret not found: {source}")
            for pair in source["keyToEnv"] if secret is not None else []:
                env[pair["envVar"]] = secret[pair["secretKey"]]
        return env


def _constant(parameter: Message) -> str:
    return str(parameter["runtimeValue"]["constant"])
