"""Both models on the GPUs of this machine: ``python -m bench.gpu [--runs N]``, or ``make bench ARGS="--gpu"``.

Runs the whole pipeline for each model, on all GPUs and on one, in float32 and, where the GPUs have tensor cores, in
mixed_float16. Prints one table and which figures of the documentation it replaces, and writes everything to
``bench/results/gpu.json``. ``--virtual N`` tries it without a GPU, on a CPU that counts as N devices: the figures mean
nothing then. Flags that it does not know are handed to ``local_runner.py``.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from bench import runs, summary
from bench.process import machine
from modules import models
from tfx_pipeline.process.log import captured_output

REPLACES: Final = """\
They replace "Not measured" in docs/performance.md, "On a GPU", and stand beside the figures of two cores in its
"Figures" and "The larger model", and in README.md, "What to expect", the rows of `make run` and of `--model cnn`.
"""
VIRTUAL: Final = "Tried on virtual devices: these figures replace none.\n"

COLUMNS: Final = {
    "imports": "{:.1f}",
    "first step": "{:.1f}",
    "epoch": "{:.2f}",
    "images a second": "{:.0f}",
    "training": "{:.1f}",
    "run": "{:.1f}",
    "accuracy": "{:.4f}",
}
"""All but the last two in seconds: loading Python's packages, building the model and tracing its first step, one epoch
with its validation, the trainer, and the whole process."""


class Devices(NamedTuple):
    """What a run trains on.

    Attributes:
        name: For the table.
        launcher: What starts Python so that TensorFlow sees these devices alone.
        flag: Of ``local_runner.py``: with ``gpu``, a run without one fails.
    """

    name: str
    launcher: Sequence[str]
    flag: str


def gpus() -> tuple[list[Devices], list[str]]:
    """Finds the GPUs, all together and one alone, and the precisions that are worth trying on them.

    Raises:
        SystemExit: TensorFlow sees none.
    """
    with tempfile.NamedTemporaryFile() as log, captured_output(Path(log.name)):
        # It takes seconds, and talks. This process only looks: the GPUs' memory is left to the runs.
        import tensorflow as tf  # noqa: PLC0415

        from modules.devices import TENSOR_CORES  # noqa: PLC0415

        found = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(gpu) for gpu in found]
    if not found:
        sys.exit("error: TensorFlow sees no GPU here; python -m bench.gpu --virtual 2 tries the benchmark on the CPU")
    quicker = all(detail.get("compute_capability", (0, 0)) >= TENSOR_CORES for detail in details)
    together = Devices(_described(details), (sys.executable,), "gpu")
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    alone = Devices(_described(details[:1]), ("env", f"CUDA_VISIBLE_DEVICES={first}", sys.executable), "gpu")
    return [together, alone][: len(found)], ["float32", "mixed_float16"][: 1 + quicker]


def _described(details: Sequence[Mapping[str, Any]]) -> str:
    """How many GPUs there are, and of which make."""
    return f"{len(details)} x {' and '.join(sorted({detail.get('device_name', 'GPU') for detail in details}))}"


def virtual(count: int) -> tuple[list[Devices], list[str]]:
    """The CPU as so many devices, in place of GPUs."""
    launcher = (sys.executable, "-m", "bench.virtual", str(count))
    return [Devices(f"{count} x virtual CPU", launcher, "auto")], ["float32", "mixed_float16"]


def compare(devices: Sequence[Devices], precisions: Sequence[str], count: int, flags: Sequence[str]) -> dict[str, Any]:
    """Runs the pipeline ``count`` times for each model, set of devices and precision; returns figures by name."""
    return {
        f"{model}, {used.name}, {precision}": _figures(
            summary.medians([_run(used, "--model", model, "--precision", precision, *flags) for _ in range(count)])
        )
        for model in models.names()
        for used in devices
        for precision in precisions
    }


def _run(used: Devices, *flags: str) -> runs.Run:
    with tempfile.TemporaryDirectory() as folder:
        return runs.pipeline(Path(folder, "output"), "--device", used.flag, *flags, launcher=used.launcher)


def _figures(run: runs.Run) -> dict[str, float]:
    # Of a single epoch, nothing says which part of it was tracing.
    epoch = run["epoch_seconds"] or run["first_epoch_seconds"]
    return {
        "imports": run["steps"]["imports"],
        "first step": run["first_epoch_seconds"] - epoch,
        "epoch": epoch,
        "images a second": run["train_images"] / epoch,
        "training": run["steps"]["trainer"],
        "run": run["seconds"],
        "accuracy": run["accuracy"],
    }


def show(console: Console, results: Mapping[str, Mapping[str, float]]) -> None:
    """Prints a row of figures by name."""
    table = Table("trained", *COLUMNS, title="Seconds, images a second, test accuracy: medians")
    for name, figures in results.items():
        table.add_row(name, *(form.format(figures[column]) for column, form in COLUMNS.items()))
    console.print(table)


def measure(console: Console, count: int = 1, virtual_devices: int = 0, flags: Sequence[str] = ()) -> None:
    """Measures, prints and writes.

    Args:
        console: Shows the table.
        count: Runs of each kind.
        virtual_devices: Devices that the CPU is to count as; 0 measures GPUs.
        flags: More flags of ``local_runner.py``.

    Raises:
        SystemExit: There is no GPU.
    """
    described = machine()
    results = compare(*(virtual(virtual_devices) if virtual_devices else gpus()), count, flags)
    show(console, results)
    if virtual_devices:
        sys.stdout.write(VIRTUAL)
        return
    console.print(f"wrote {summary.save('gpu', {'machine': described, 'runs': count, 'medians': results})}")
    sys.stdout.write(REPLACES)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="runs of each kind (default: 1)")
    parser.add_argument("--virtual", type=int, default=0, metavar="N", help="try it on the CPU as N devices")
    arguments, flags = parser.parse_known_args()
    measure(Console(), arguments.runs, arguments.virtual, flags)


if __name__ == "__main__":
    main()
