"""Runs a whole process and measures it, and describes the machine that it ran on."""

import dataclasses
import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Measured:
    """A process that ended well.

    Attributes:
        seconds: Wall time from its start to its exit.
        cpu_seconds: Its and its children's time on all cores.
        peak_mib: The largest resident set of it or one of its children, in MiB.
        output: What it wrote to standard output and standard error.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def measure(command: Sequence[str]) -> Measured:
    """Runs a command in the checkout.

    Args:
        command: The program and its arguments.

    Returns:
        What it took.

    Raises:
        RuntimeError: Its exit code is not 0.
    """
    with tempfile.TemporaryFile("w+") as output:
        begin = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: exit code {process.returncode}:\n{text[-2000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def machine() -> dict[str, str | int | float]:
    """The machine: processor, cores, memory in GiB, load, system and the versions that matter."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(memory / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("tfx", "tensorflow", "apache-beam")},
    }
