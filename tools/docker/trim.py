"""Leaves out of site-packages what no step uses, and compiles the rest to bytecode that is the same in each build.

Usage: trim.py SITE_PACKAGES TOOLS [--all], where TOOLS is the root of a system with `strip`. With --all, everything is
compiled, not only what the steps import.
"""

import multiprocessing
import os
import py_compile
import shutil
import struct
import subprocess
import sys
from pathlib import Path

IMPORTED = (
    "apache_beam.runners.portability.fn_api_runner",
    "gcsfs",
    "kfp",
    "matplotlib.backends.backend_svg",
    "rich.live",
    "s3fs",
    "tensorflow",
    "tensorflow_data_validation",
    "tensorflow_datasets",
    "tensorflow_model_analysis",
    "tensorflow_transform",
    "tfx.components",
    "tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    "tfx.orchestration.local.local_dag_runner",
)
"""What the steps import of the packages: this, and what it imports, is compiled ahead; the rest when it is used."""

FOLDERS = frozenset({"tests", "testdata", "test_data"})
"""Names of folders with the packages' own tests."""

PLACES = (
    # C++ and CUDA headers, to compile TensorFlow operations: a fifth of the package.
    "tensorflow/include",
    "pyarrow/include",
    "pyarrow/src",
    "nvidia/*/include",
    # Loaded by name by nobody: operations that libtensorflow_cc has too, and converters for other frameworks.
    "tensorflow/compiler/tf2xla/ops/_xla_ops.so",
    "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so",
    # A network protocol of Arrow's, an image format, and labels of another data set.
    "pyarrow/*flight*",
    "tensorflow_datasets/image_classification/sun397*.txt",
    "PIL/_avif*",
    "pillow.libs/libavif*",
    # Demonstrations.
    "apache_beam/examples",
    "tfx/examples",
    # Elsewhere a name like this may be a module's: scipy has a page_trend_test.
    "apache_beam/**/*_test.py",
    "tfx/**/*_test.py",
    "tfx_bsl/**/*_test.py",
    "tensorflow_*/**/*_test.py",
)
"""What else goes, as patterns of paths below site-packages."""

ENDINGS = (".a", ".c", ".cpp", ".h", ".hpp", ".js.map", ".pxd", ".pyx")
"""Ends of names of files that serve compilers and debuggers."""

AWS_SERVICES = frozenset({"s3", "signin", "sso", "sso-oidc", "sts"})
"""What botocore needs for object stores and for the identity of a pod or a person; it describes 400 services."""

SYMBOL_TABLE = 2
"""``SHT_SYMTAB`` of the ELF format: what debuggers read; loaders read another table."""

WORKERS = 2
"""Fixed, since what is compiled together decides about details of the bytecode."""


def unused(root: Path) -> list[Path]:
    """Lists what goes: whole folders first, so that nothing below them is looked at again.

    Args:
        root: site-packages.

    Returns:
        Folders and files.
    """
    found = [path for place in PLACES for path in sorted(root.glob(place))]
    found += [path for path in sorted(root.glob("botocore/data/*/")) if path.name not in AWS_SERVICES]
    for folder, folders, files in os.walk(root):
        found += [Path(folder, name) for name in sorted(folders) if name in FOLDERS]
        folders[:] = [name for name in folders if name not in FOLDERS]
        found += [Path(folder, name) for name in sorted(files) if name.endswith(ENDINGS)]
    return found


def remove(path: Path) -> None:
    """Removes a folder or a file that may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def has_symbols(path: Path) -> bool:
    """Whether a file is a 64-bit ELF library with a table of symbols for debuggers.

    Args:
        path: Any file.

    Returns:
        False also for libraries that were stripped: a file that is written anew is in a layer once more.
    """
    with path.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return False
        (offset,) = struct.unpack_from("<Q", header, 40)
        size, number = struct.unpack_from("<HH", header, 58)
        file.seek(offset)
        sections = file.read(size * number)
    return any(struct.unpack_from("<I", sections, size * i + 4)[0] == SYMBOL_TABLE for i in range(number))


def strip(root: Path, tools: Path) -> None:
    """Removes what only debuggers read from compiled libraries: symbols, not what a loader maps.

    Args:
        root: site-packages.
        tools: The root of a system of the same Debian that has ``strip``.
    """
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tools / "usr/lib/x86_64-linux-gnu")}
    command = [tools / "usr/bin/strip", "--strip-unneeded", "--preserve-dates"]
    for path in sorted(root.rglob("*.so*")):
        if path.is_file() and not path.is_symlink() and has_symbols(path):
            subprocess.run([*command, path], check=True, env=environment)


def imported(names: tuple[str, ...]) -> list[Path]:
    """Imports modules in a process of its own and lists the sources of all that this loaded.

    Args:
        names: The modules.

    Returns:
        Their sources and those of what they import.

    Raises:
        CalledProcessError: One cannot be imported: too much was left out.
    """
    report = "print(*{str(getattr(module, '__file__', '')) for module in sys.modules.values()}, sep='\\n')"
    program = f"import sys, {', '.join(names)}\nsys.stdout = sys.__stdout__\nprint('sources:')\n{report}"
    command = [sys.executable, "-B", "-W", "ignore", "-c", program]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    listed = done.stdout.rpartition("sources:\n")[2].splitlines()
    return sorted(Path(origin) for origin in listed if origin.endswith(".py"))


def bytecode(paths: list[Path]) -> None:
    """Compiles sources that have no bytecode yet.

    Args:
        paths: The sources. Those for other versions of Python, and templates, are no Python here and are passed over.
    """
    for path in paths:
        target = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        if not target.exists():
            # Without a time in it: two builds make the same file, and nothing has to be compared when it is loaded.
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(path), doraise=False, quiet=2, invalidation_mode=mode)


def main() -> None:
    """Trims and compiles one folder."""
    root = Path(sys.argv[1])
    for path in unused(root):
        remove(path)
    strip(root, Path(sys.argv[2]))
    sources = sorted(root.rglob("*.py")) if "--all" in sys.argv else imported(IMPORTED)
    sources = [source for source in sources if source.is_relative_to(root)]
    parts = [sources[part::WORKERS] for part in range(WORKERS)]
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        pool.map(bytecode, parts, chunksize=1)


if __name__ == "__main__":
    main()
