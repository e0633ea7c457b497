"""A package file as the server reads it: strictly, both documents (`apiserver/template/v2_template.go`)."""

import re
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

ARGO_NAME: Final = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}")
ARGO_EXPRESSION: Final = re.compile(r"\{\{(?!\$)")


class RejectedError(Exception):
    """The server refuses the package or the run."""


class Package:
    """What the server keeps of an uploaded file."""

    def __init__(self, path: Path) -> None:
        """Reads a file.

        Raises:
            RejectedError: The server would not take it.
        """
        text = path.read_text()
        if ARGO_EXPRESSION.search(text):
            raise RejectedError("a template expression of Argo's")
        documents = list(yaml.safe_load_all(text))
        self.spec: dict[str, Any] = documents[0]
        self.platform: dict[str, Any] = documents[1] if len(documents) > 1 else {}
        self._check()

    def _check(self) -> None:
        try:
            json_format.ParseDict(self.spec, pipeline_spec_pb2.PipelineSpec())
            json_format.ParseDict(self.platform, pipeline_spec_pb2.PlatformSpec())
        except json_format.ParseError as error:
            raise RejectedError(str(error)) from error
        if self.spec["schemaVersion"] != "2.1.0":
            raise RejectedError(f"schema version {self.spec['schemaVersion']}")
        for name, task in self._all_tasks().items():
            if not ARGO_NAME.fullmatch(f"{name}-driver"):
                raise RejectedError(f"task name {name}")
            if "dag" in self.component(task):
                continue
            if "container" not in self.executor(task):
                raise RejectedError(f"{name}: non-container and non-importer executor not implemented")

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def tasks(self) -> dict[str, Any]:
        """The tasks that run a container by name, those of DAGs in the root DAG too."""
        return {name: task for name, task in self._all_tasks().items() if "dag" not in self.component(task)}

    def _all_tasks(self) -> dict[str, Any]:
        dags = [c["dag"] for c in (self.spec["root"], *self.spec["components"].values()) if "dag" in c]
        return {name: task for dag in dags for name, task in dag["tasks"].items()}

    def component(self, task: dict[str, Any]) -> dict[str, Any]:
        """The component that a task runs."""
        component: dict[str, Any] = self.spec["components"][task["componentRef"]["name"]]
        return component

    def executor(self, task: dict[str, Any]) -> dict[str, Any]:
        """The executor of a task."""
        label = self.component(task)["executorLabel"]
        executor: dict[str, Any] = self.spec["deploymentSpec"]["executors"][label]
        return executor

    def kubernetes(self, task: dict[str, Any]) -> dict[str, Any]:
        """A task's part of the second document.

        Raises:
            RejectedError: A field is unknown, which fails the creation of the run.
        """
        executors = self._platform().get("deploymentSpec", {}).get("executors", {})
        config: dict[str, Any] = executors.get(self.component(task)["executorLabel"], {})
        try:
            json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        except json_format.ParseError as error:
            raise RejectedError(str(error)) from error
        return config

    def has_workspace(self) -> bool:
        """Whether each run has a volume of its own."""
        return "workspace" in self._platform().get("pipelineConfig", {})

    def _platform(self) -> dict[str, Any]:
        platform: dict[str, Any] = self.platform.get("platforms", {}).get("kubernetes", {})
        return platform

    def parameters(self, given: dict[str, Any]) -> dict[str, Any]:
        """The run's parameters: what is given, else the defaults.

        Raises:
            RejectedError: One is unknown or has neither.
        """
        definitions = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        unknown = given.keys() - definitions.keys()
        values = {name: d["defaultValue"] for name, d in definitions.items() if "defaultValue" in d} | given
        missing = [n for n, d in definitions.items() if n not in values and not d.get("isOptional")]
        if unknown or missing:
            raise RejectedError(f"run parameters unknown: {sorted(unknown)}, missing: {missing}")
        return values
