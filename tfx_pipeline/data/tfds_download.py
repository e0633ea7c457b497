"""The process that downloads with TensorFlow Datasets: `python -m tfx_pipeline.data.tfds_download DIR BUILDER SECONDS`.

It leaves the four .gz files in DIR and returns 0, or prints one line that says why not and returns 1.
"""

import pkgutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tfx_pipeline.data.idx_files import FILE_NAMES

_OK = 200


def main(arguments: Sequence[str]) -> int:
    """Downloads a builder's files.

    Args:
        arguments: Folder to leave the files in, the builder, seconds to wait for the server's answer.

    Returns:
        The process's exit code.
    """
    folder, builder, patience = Path(arguments[0]), arguments[1], float(arguments[2])
    try:
        urls = registered_urls(builder_class(builder))
        # What appears in the folder tells the parent that things go on.
        (folder / "started").write_text("the imports are done, the server's time to answer runs\n")
        _probe(next(iter(urls.values())), patience)
        (folder / "answered").write_text("the server answered\n")
        _download(folder, builder, urls)
    except Exception as error:  # noqa: BLE001  the boundary of the process: the parent shows the line
        sys.stdout.write(f"{' '.join(str(error).split()) or type(error).__name__}\n")
        return 1
    return 0


def builder_class(name: str) -> Any:
    """Loads a TensorFlow Datasets builder class by its registered name or as `module:Class`."""
    import tensorflow_datasets as tfds  # noqa: PLC0415

    return pkgutil.resolve_name(name) if ":" in name else tfds.builder_cls(name)


def registered_urls(builder: Any) -> dict[str, str]:
    """Finds the URLs of the four files among those that a builder has registered with checksums.

    Args:
        builder: A TensorFlow Datasets builder class.

    Returns:
        URL of each .gz by the plain name of its file.

    Raises:
        ValueError: The builder lacks one of the files.
    """
    by_name = {Path(urlsplit(url).path).name: url for url in builder.url_infos or {}}
    missing = [name for name in FILE_NAMES if f"{name}.gz" not in by_name]
    if missing:
        raise ValueError(f"the builder {builder.__name__} has no registered URL of {missing[0]}.gz")
    return {name: by_name[f"{name}.gz"] for name in FILE_NAMES}


def _probe(url: str, patience: float) -> None:
    """Asks for a file's first byte, because TensorFlow Datasets would try ten times without a time limit."""
    host = urlsplit(url).netloc
    try:
        with requests.get(url, stream=True, timeout=patience) as response:
            if response.status_code != _OK:
                raise ConnectionError(f"{host} answered {response.status_code} {response.reason}")
            next(response.iter_content(1), b"")
    except requests.Timeout as error:
        raise ConnectionError(f"{host} did not answer within {patience:g} s") from error
    except requests.RequestException as error:
        raise ConnectionError(f"{host} cannot be reached ({_cause(error)})") from error


def _cause(error: BaseException) -> str:
    """Returns the innermost reason that the HTTP library wrapped."""
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
    inner = inner or getattr(error, "reason", None)
    # What urllib3 says begins with the connection's representation.
    return _cause(inner) if isinstance(inner, BaseException) else str(error).rpartition("): ")[2]


def _download(folder: Path, builder: str, urls: Mapping[str, str]) -> None:
    import tensorflow_datasets as tfds  # noqa: PLC0415

    tfds.disable_progress_bar()
    manager = tfds.download.DownloadManager(
        download_dir=folder / "download",
        url_infos=builder_class(builder).url_infos,
        force_checksums_validation=True,
    )
    for name, path in manager.download(dict(urls)).items():
        Path(path).rename(folder / f"{name}.gz")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
