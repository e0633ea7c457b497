"""The package as the command line makes it, read back from its file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.object_stores import endpoint, gcs, s3  # noqa: F401 - fixtures
from tfx_pipeline.config.flags import ArgumentParser, add_flags, load

COMPONENTS = ("--set", "kubeflow.pods=component")


class Documents(NamedTuple):
    """The two documents of a package."""

    spec: dict[str, Any]
    platform: dict[str, Any]

    def task(self, step: str) -> dict[str, Any]:
        return self.spec["root"]["dag"]["tasks"][step]

    def component(self, step: str) -> dict[str, Any]:
        return self.spec["components"][self.task(step)["componentRef"]["name"]]

    def container(self, step: str) -> dict[str, Any]:
        return self.spec["deploymentSpec"]["executors"][self.component(step)["executorLabel"]]["container"]

    def kubernetes(self, step: str) -> dict[str, Any]:
        executors = self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        return executors[self.component(step)["executorLabel"]]

    @property
    def steps(self) -> list[str]:
        return sorted(self.spec["root"]["dag"]["tasks"])

    @property
    def parameters(self) -> dict[str, Any]:
        return self.spec["root"]["inputDefinitions"]["parameters"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has servers on loopback be reached without a proxy of this machine."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def read_config(*flags: str) -> Any:
    """Reads the configuration as kubeflow_runner.py does."""
    parser = ArgumentParser()
    add_flags(parser, ("data", "training", "tuning", "evaluation", "kubeflow"))
    return load(vars(parser.parse_args(flags)))


@pytest.fixture(scope="session")
def write_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a package for some flags and returns its file; with a pod for each component unless they say otherwise."""
    from tfx_pipeline.kubeflow.package.compile import write_package as write  # noqa: PLC0415 - TensorFlow takes seconds

    def make(*flags: str) -> Path:
        path = tmp_path_factory.mktemp("package") / "pipeline.yaml"
        write(read_config(*COMPONENTS, *flags), path)
        return path

    return make


@pytest.fixture(scope="session")
def compiled(write_package: Callable[..., Path]) -> Callable[..., Documents]:
    """Compiles a package for some flags and reads it back."""
    return lambda *flags: Documents(*yaml.safe_load_all(write_package(*flags).read_text()))


@pytest.fixture(scope="session")
def package(compiled: Callable[..., Documents]) -> Documents:
    """The package that is written without any other flag."""
    return compiled()
