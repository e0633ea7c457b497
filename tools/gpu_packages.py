"""Downloads the packages of the extra ``gpu`` one after the other and checks that all CUDA libraries are in them.

Usage: tools/env python -m tools.gpu_packages. What TensorFlow loads at run time is not in its wheel but in NVIDIA's: a
lock that lacks one of them makes an image that trains on the CPU and says little about it.
"""

import mmap
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CUDA_LIBRARIES = {
    12: (
        "libcublas.so.12",
        "libcublasLt.so.12",
        "libcudart.so.12",
        "libcufft.so.11",
        "libcupti.so.12",
        "libcusolver.so.11",
        "libcusparse.so.12",
        "libnccl.so.2",
    ),
}
"""By CUDA's major version: what TensorFlow opens by name (its ``tsl/platform/default/dso_loader.cc``). The versions in
the names are the libraries' own, from NVIDIA's release notes of that version of CUDA."""

INDIRECT = ("libnvJitLink.so.12", "libnvrtc.so.12", "bin/ptxas", "nvvm/libdevice/libdevice.10.bc")
"""What those libraries need, and what XLA compiles kernels with; TensorFlow itself does not look for these."""


def needed(build_info: dict[str, object]) -> set[str]:
    """Names what a build of TensorFlow needs at run time.

    Args:
        build_info: ``tf.sysconfig.get_build_info()``.

    Returns:
        File names of libraries, and paths of XLA's programs.
    """
    cuda = int(str(build_info["cuda_version"]).partition(".")[0])
    cudnn = str(build_info["cudnn_version"]).partition(".")[0]
    return {*CUDA_LIBRARIES[cuda], f"libcudnn.so.{cudnn}", *INDIRECT}


def library_folders(tensorflow: Path) -> set[str]:
    """Reads where TensorFlow's libraries look for NVIDIA's: ``nvidia/cublas/lib`` and the like.

    Args:
        tensorflow: The package's folder.

    Returns:
        Folders relative to site-packages.
    """
    found: set[str] = set()
    for library in tensorflow.glob("libtensorflow_*.so.2"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found |= {match.decode() for match in re.findall(rb"\$ORIGIN/\.\./(nvidia/\w+/lib)", content)}
    return found


def requirements(folder: Path) -> list[list[str]]:
    """Exports what the extra adds, each package with its hashes.

    Args:
        folder: For files of requirements.

    Returns:
        For each package its lines.
    """
    command = ["uv", "export", "-q", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate"]
    exported = [
        subprocess.run([*command, *extra], check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout
        for extra in ([], ["--extra", "gpu"])
    ]
    plain, gpu = (re.split(r"\n(?=\S)", text.strip()) for text in exported)
    names = {block.partition("==")[0] for block in plain}
    return [block.splitlines() for block in gpu if block.partition("==")[0] not in names]


def contents(block: list[str]) -> Iterator[str]:
    """Installs one package into a folder that is gone afterwards, so that one at a time takes space.

    Args:
        block: Its requirement with its hashes.

    Yields:
        The paths of its files, relative to site-packages.

    Raises:
        CalledProcessError: It cannot be had, or has another hash.
    """
    folder = Path(tempfile.mkdtemp(prefix="gpu-"))
    try:
        wanted, target = folder / "requirement.txt", folder / "files"
        wanted.write_text("\n".join(block))
        flags = ["--no-deps", "--no-cache", "--no-build", "--require-hashes", "--target", str(target)]
        subprocess.run(["uv", "pip", "install", "-q", *flags, "-r", str(wanted)], check=True)
        yield from (str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder)


def missing(names: set[str], files: set[str], folders: set[str]) -> list[str]:
    """Compares what is needed with what the packages have.

    Args:
        names: What is needed.
        files: The packages' files.
        folders: Where TensorFlow looks for libraries.

    Returns:
        What is in no package, or where nobody looks for it, with the reason.
    """
    problems = []
    for name in sorted(names):
        places = sorted(file for file in files if file.endswith(f"/{name}"))
        if not places:
            problems.append(f"{name}: in none of the packages")
        elif name not in INDIRECT and not any(str(Path(place).parent) in folders for place in places):
            problems.append(f"{name}: is in {places[0]}, where TensorFlow does not look for it")
    return problems


def main() -> int:
    """Checks the lock; returns the exit code."""
    import tensorflow as tf  # noqa: PLC0415 - it takes seconds

    info = dict(tf.sysconfig.get_build_info())
    names = needed(info)
    files: set[str] = set()
    for block in requirements(Path.cwd()):
        found = set(contents(block))
        print(f"{block[0].partition(' ')[0]}: {sum(name.split('/')[-1] in names for name in found)} of the libraries")
        files |= found
    problems = missing(names, files, library_folders(Path(tf.__file__).parent))
    for problem in problems:
        print(f"error: {problem}; see the extra gpu in pyproject.toml", file=sys.stderr)
    if not problems:
        print(f"all {len(names)} libraries of CUDA {info['cuda_version']} and cuDNN {info['cudnn_version']} are there")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
