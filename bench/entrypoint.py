"""Measures how fast the steps of the Kubeflow pipeline start.

``python -m bench.entrypoint [--runs N]`` prints, for each step that needs TensorFlow, the seconds from the start of the
process to the executor's ``Do``, and their ratio to ``python -c "import tensorflow"``, measured in turns in the same
run; the same for the processor's seconds, which other work on the machine hardly changes. For the other steps, it
prints the seconds to the end of the process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from bench.probe import STARTED, probe_path
from tfx_pipeline.kubeflow.entrypoint import COMMAND

TENSORFLOW_STEPS: Final = {
    "example-gen": "tfx_pipeline.components.example_gen.Executor",
    "statistics-gen": "tfx_pipeline.components.statistics_gen.Executor",
    "data-gate": "tfx_pipeline.components.data_gate.Executor",
    "example-validator": "tfx.components.example_validator.executor.Executor",
    "transform": "tfx_pipeline.components.transform.Executor",
    "trainer": "tfx_pipeline.components.trainer.Executor",
    "evaluator": "tfx_pipeline.components.evaluator.Executor",
}
RATIO_LIMIT: Final = 1.3
SECONDS_LIMIT: Final = 3.0

Result = TypeVar("Result")

ROOT: Final = Path(__file__).parents[1]


def command_of(executor_class_path: str, executor_input: dict[str, Any]) -> list[str]:
    """The command of a step's container, with this interpreter."""
    arguments = {
        "--executor_class_path": executor_class_path,
        "--json_serialized_invocation_args": json.dumps(executor_input),
        "--json_serialized_inputs_spec_args": "{}",
    }
    return [sys.executable, *COMMAND[1:], *(word for pair in arguments.items() for word in pair)]


def run(command: list[str]) -> tuple[float, str]:
    """Runs a command and returns the seconds that it took, and what it wrote to standard output.

    Raises:
        RuntimeError: It failed.
    """
    start = time.monotonic()
    environment = {**os.environ, STARTED: str(start), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])}: exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return time.monotonic() - start, done.stdout


class Times(NamedTuple):
    """A start: seconds, and the processor's seconds."""

    wall: float
    cpu: float


def import_tensorflow() -> Times:
    """Times of ``python -c "import tensorflow"``, from the process's start to its end."""
    wall, output = run([sys.executable, "-c", "import tensorflow, time; print(time.process_time())"])
    return Times(wall, float(output))


def start_of(executor_class_path: str, work_dir: Path) -> Times:
    """Times from the process's start to ``Do`` of an executor."""
    executor_input = {"inputs": {}, "outputs": {"outputFile": str(work_dir / "output_metadata.json")}}
    _, output = run(command_of(probe_path(executor_class_path), executor_input))
    wall, cpu = map(float, output.split()[-2:])
    return Times(wall, cpu)


def artifact(title: str, path: Path, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """An artifact of an executor input."""
    kind = {"instanceSchema": f"title: {title}\ntype: object\n"}
    return {"artifacts": [{"name": "1", "type": kind, "uri": str(path), "metadata": metadata or {}}]}


def light_commands(work_dir: Path) -> dict[str, list[str]]:
    """Commands of the steps without TensorFlow, each on the least that it takes to succeed."""
    from tfx_pipeline.steps.schema_import import schema_digest  # noqa: PLC0415 - only these commands need it

    serving = str(work_dir / "serving")
    steps: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        "baseline-locator": (
            "baseline_locator.BaselineLocator_Executor",
            {},
            {"serving_dir": serving},
            {"baseline": artifact("tfx.Model", work_dir / "baseline")},
        ),
        "schema-import": (
            "schema_import.SchemaImport_Executor",
            {},
            {"digest": schema_digest()},
            {"schema": artifact("tfx.Schema", work_dir / "schema")},
        ),
        "pusher": (
            "pusher.Pusher_Executor",
            {
                "model": artifact("tfx.Model", work_dir / "model"),
                "model_blessing": artifact("tfx.ModelBlessing", work_dir / "blessing", {"blessed": 0.0}),
            },
            {"serving_dir": serving},
            {"pushed_model": artifact("tfx.PushedModel", work_dir / "pushed")},
        ),
    }
    return {
        step: command_of(
            f"tfx_pipeline.components.{path}",
            {
                "inputs": {"artifacts": inputs, "parameterValues": parameters},
                "outputs": {"artifacts": outputs, "outputFile": str(work_dir / "output_metadata.json")},
            },
        )
        for step, (path, inputs, parameters, outputs) in steps.items()
    }


def measure(measurements: dict[str, Callable[[], Result]], runs: int) -> dict[str, list[Result]]:
    """Takes each measurement in turn, after one round that only warms the file cache."""
    for take in measurements.values():
        take()
    results: dict[str, list[Result]] = {name: [] for name in measurements}
    for _ in range(runs):
        for name, take in measurements.items():
            results[name].append(take())
    return results


def main() -> int:
    """Prints the table; 1 where a step is slower than it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="measurements of each step")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as directory:
        work_dir = Path(directory)
        heavy: dict[str, Callable[[], Times]] = {"import tensorflow": import_tensorflow}
        for step, path in TENSORFLOW_STEPS.items():
            heavy[step] = lambda path=path: start_of(path, work_dir)  # type: ignore[misc]
        times = measure(heavy, runs)
        light = {step: lambda c=command: run(c)[0] for step, command in light_commands(work_dir).items()}
        light_seconds = measure(light, runs)
    return report(times, light_seconds)


def ratio(values: list[float], reference: list[float]) -> float:
    """The median of the ratios within a round."""
    return statistics.median(value / base for value, base in zip(values, reference, strict=True))


def report(times: dict[str, list[Times]], light_seconds: dict[str, list[float]]) -> int:
    """Prints the table of medians."""
    reference = times["import tensorflow"]
    slow = 0
    print(f"{'step':18} {'seconds':>8} {'ratio':>6} {'cpu':>6} {'ratio':>6}   median of {len(reference)}")  # noqa: T201
    for name, values in times.items():
        wall, cpu = [t.wall for t in values], [t.cpu for t in values]
        ratios = ratio(wall, [t.wall for t in reference]), ratio(cpu, [t.cpu for t in reference])
        slow += ratios[0] > RATIO_LIMIT
        medians = statistics.median(wall), statistics.median(cpu)
        print(  # noqa: T201
            f"{name:18} {medians[0]:8.2f} {ratios[0]:6.2f} {medians[1]:6.2f} {ratios[1]:6.2f}   at most {RATIO_LIMIT}"
        )
    for name, seconds in light_seconds.items():
        median = statistics.median(seconds)
        slow += median > SECONDS_LIMIT
        print(f"{name:18} {median:8.2f} {'':20}   at most {SECONDS_LIMIT} s")  # noqa: T201
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
