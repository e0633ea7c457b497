"""Brings artifacts of runs on Kubeflow to this machine: through Kubeflow's page, else from the object store itself."""

import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

import urllib3

from tfx_pipeline.kubeflow.client.page import GoneError, Page
from tfx_pipeline.kubeflow.run_metadata import Execution, Output
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record import seal

T = TypeVar("T")

REPORT: Final = "report"
TENSORBOARD: Final = "tensorboard"
PAGE_KIND: Final = "system.HTML"
_URI: Final = re.compile(r"(?P<scheme>minio|s3|gs)://(?P<bucket>[^/?]+)/(?P<key>[^?]+)(\?.*)?")
_SOURCES: Final = {"minio": "minio", "s3": "s3", "gs": "gcs"}
_DEPTH: Final = 3  # step, try and key below a run's folder
_COUNT: Final = re.compile(rb"(\d+)\+? file\(s\)")


class Artifacts:
    """Reads artifacts."""

    def __init__(self, page: Page, namespace: str) -> None:
        """Reads artifacts.

        Args:
            page: Kubeflow's page.
            namespace: The user's profile; "" where there is one user.
        """
        self._page, self._namespace = page, namespace

    def read(self, output: Output, parse: Callable[[bytes], T]) -> T:
        """Reads an artifact that is one object.

        Args:
            output: The artifact.
            parse: Reads its content; raises a ``ValueError`` where it is something else, such as a page for a log-in.

        Raises:
            GoneError: It was deleted.
            UserError: Neither page nor object store has it.
        """
        return _either(
            output,
            lambda: self._get(output, output.uri, lambda answer: parse(answer.data)),
            lambda: parse(_read_from_store(output)),
        )

    def copy(self, output: Output, folder: Path) -> list[Path]:
        """Copies an artifact that is a directory.

        Args:
            output: The artifact.
            folder: Made; receives its files.

        Returns:
            The files.

        Raises:
            GoneError: It was deleted.
            UserError: Neither page nor object store has it.
        """
        names = seal.names(output.properties.get(seal.PROPERTY, ""))
        page = (lambda: self._each(output, names, folder)) if names else (lambda: self._unpack(output, folder))
        _either(output, page, lambda: _copy_from_store(output, folder))
        return _files(folder)

    def _each(self, output: Output, names: Sequence[str], folder: Path) -> None:
        """Asks for one object after the other, by the names in the seal.

        The page makes an archive of a folder where its store says that there is no such key; SeaweedFS 4.34, which
        Kubeflow Pipelines 2.17 brings, says instead that the folder is there and empty.
        """
        _fresh(folder)
        for name in names:
            target = folder / _inside(name, output.uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._get(output, f"{output.uri.rstrip('/')}/{name}", _content))

    def _unpack(self, output: Output, folder: Path) -> None:
        """Unpacks the archive that the page makes of a directory since 2.17, for artifacts without a seal.

        An archive that broke off while it was made ends as a whole one does, so the files are counted.
        """
        count = self._get(output, output.uri, lambda answer: _COUNT.search(answer.data), peek="1")
        if not count:
            raise UserError("the page gives no whole archive of it")
        self._get(output, output.uri, lambda answer: _extract(answer, folder))
        if len(_files(folder)) < int(count[1]):
            raise UserError("the page gives no whole archive of it")

    def _get(self, output: Output, uri: str, parse: Callable[[urllib3.HTTPResponse], T], peek: str = "") -> T:
        match = _URI.fullmatch(uri)
        if not match:
            raise UserError(f"{uri}: is in no object store that the page knows")
        query = {
            "source": _SOURCES[match["scheme"]],
            "bucket": match["bucket"],
            "key": match["key"],
            "peek": peek,
            "namespace": self._namespace,
            "providerInfo": _provider(output.properties),
        }
        given = {name: value for name, value in query.items() if value}
        return self._page.ask("read an artifact", "/artifacts/get", parse, query=given)


def _either(output: Output, page: Callable[[], T], store: Callable[[], T]) -> T:
    reasons = []
    for way in (page, store):
        try:
            return way()
        except GoneError as error:
            raise GoneError(
                f"{output.uri}: has no objects any more; they were deleted, or the store deletes after a time"
            ) from error
        except (UserError, ValueError) as error:
            reasons.append(str(error))
    raise UserError(
        f"{output.uri}: Kubeflow's page does not give it ({reasons[0]}), nor the object store: {reasons[1]}"
    )


def _content(answer: urllib3.HTTPResponse) -> bytes:
    """What an object holds; one without any bytes is a folder's name, of which SeaweedFS 4.34 says so."""
    if not answer.data:
        raise ValueError("it has no bytes")
    return bytes(answer.data)


def _extract(answer: urllib3.HTTPResponse, folder: Path) -> None:
    try:
        with tarfile.open(fileobj=answer, mode="r|gz") as archive:
            archive.extractall(_fresh(folder), filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError("it gives no whole archive") from error


def _provider(properties: Mapping[str, Any]) -> str:
    """What the page needs to know of a store that is not its own."""
    session = str(properties.get("store_session_info", ""))
    try:
        return session if json.loads(session)["Params"]["fromEnv"] == "false" else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _read_from_store(output: Output) -> bytes:
    store, path = object_store.filesystem(output.uri)
    with object_store.store_errors_as_user_errors(output.uri):
        try:
            return bytes(store.cat_file(path))
        except FileNotFoundError as error:
            raise GoneError(output.uri) from error


def _copy_from_store(output: Output, folder: Path) -> None:
    store, root = object_store.filesystem(output.uri)
    with object_store.store_errors_as_user_errors(output.uri):
        found = store.find(root)
        if not found:
            raise GoneError(output.uri)
        _fresh(folder)
        for path in found:
            target = folder / _inside(path.removeprefix(root).lstrip("/"), output.uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(path, str(target))


def _inside(name: str, uri: str) -> PurePosixPath:
    """A name that stays inside the folder that it is put into."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise UserError(f"{uri}: holds an object {name!r}, whose name leads out of its folder")
    return path


def listed(root: str) -> dict[str, Execution]:
    """Finds the outputs of a run in the object store, where ML Metadata cannot be asked.

    Args:
        root: The run's folder, a URL. Below it the backend has a folder for each step, in it one for each try, with the
            outputs by their keys. What a step took from an earlier run is not there.

    Returns:
        The outputs of the last try of each step, the one whose files are the newest.

    Raises:
        UserError: The store does not answer, refuses, or has nothing there.
    """
    if not object_store.handles(root):
        raise UserError(f"{root}: is in no object store, expected s3://, gs:// or minio://")
    store, path = object_store.filesystem(root)
    with object_store.store_errors_as_user_errors(root):
        found = store.find(path, detail=True)
    tries: dict[tuple[str, str], set[str]] = {}
    newest: dict[str, tuple[Any, str]] = {}
    for name, entry in found.items():
        parts: list[str] = name.removeprefix(path).lstrip("/").split("/")
        if len(parts) >= _DEPTH:
            step, attempt, key = parts[:_DEPTH]
            tries.setdefault((step, attempt), set()).add(key)
            when = str(entry.get("LastModified") or entry.get("updated") or "")
            newest[step] = max(newest.get(step, ("", "")), (when, attempt))
    if not tries:
        raise UserError(f"{root}: has nothing of the run; give the credentials of its store, or look for it elsewhere")
    return {
        step: Execution("COMPLETE", {key: _listed(root, step, attempt, key, tries[step, attempt]) for key in keys})
        for step, (_, attempt) in newest.items()
        for keys in [tries[step, attempt]]
    }


def _listed(root: str, step: str, attempt: str, key: str, keys: set[str]) -> Output:
    # The review's report is the one beside its events; the data gate's has the same key.
    kind = PAGE_KIND if key == REPORT and TENSORBOARD in keys else ""
    return Output(kind, f"{root}/{step}/{attempt}/{key}", {})
