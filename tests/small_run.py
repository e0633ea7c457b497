"""A run of the whole pipeline on a few real images, as a person starts it."""

import atexit
import contextlib
import functools
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.prefork import ROOT, Runs, prefork

QUICK = ("--limit", "1000", "--epochs", "2", "--min-accuracy", "0.5", "--min-class-accuracy", "0")


@dataclass(frozen=True)
class Run:
    """What one call of local_runner.py left."""

    output: Path
    console: str
    code: int

    @property
    def manifest(self) -> dict[str, Any]:
        """The content of the run's run.json."""
        return json.loads((self.output / "run.json").read_text())

    @property
    def log(self) -> str:
        """The content of the run's log."""
        return (self.output / "runs" / self.manifest["run_id"] / "run.log").read_text()

    def states(self) -> dict[str, str]:
        """The state of each component."""
        return {component["id"]: component["state"] for component in self.manifest["components"]}

    def artifact(self, component: str, key: str) -> Path:
        """The newest artifact that a component wrote."""
        return max((self.output / "pipeline" / component / key).iterdir(), key=lambda path: int(path.name))


def local_runner(output: Path, *flags: str, root: Path = ROOT) -> Run:
    """Calls a checkout's local_runner.py with the flags and waits for its end."""
    return command_line(output, "--output-dir", str(output), *flags, root=root)


def command_line(output: Path, *flags: str, root: Path = ROOT) -> Run:
    """The same with the flags alone, which lead to the output directory in another way."""
    process = runs().start_program("local_runner.py", *flags, folder=root)
    code = process.wait()
    return Run(output, process.console, code)


@functools.cache
def runs() -> Runs:
    """Starts programs that have their libraries loaded already; ends with the tests."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(prefork(Path(stack.enter_context(tempfile.TemporaryDirectory()))))


def dataset_module(**values: Any) -> str:
    """The content of a modules/dataset.py whose ImageDataset has these values."""
    text = "".join(f"    {name}={value!r},\n" for name, value in values.items())
    return f"from modules.features import ImageDataset\n\nDATASET = ImageDataset(\n{text})\n"


def checkout(folder: Path, dataset: str) -> Path:
    """Copies what a run needs of this checkout, with another content of modules/dataset.py; returns the folder."""
    for name in ("modules", "tfx_pipeline"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "local_runner.py", folder)
    (folder / "modules" / "dataset.py").write_text(dataset)
    return folder
