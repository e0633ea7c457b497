"""What a Flink session cluster is made of: Apache Flink and Beam's runner for it, from Maven, kept beside the data."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.x509 import load_pem_x509_certificates

from tfx_pipeline.data.sources import default_cache_dir
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.files import locked

VERSIONS: Final[Mapping[str, str]] = {
    "FLINK_VERSION": os.environ.get("FLINK_VERSION", "1.19.0"),
    "FLINK_BEAM_VERSION": os.environ.get("FLINK_BEAM_VERSION", "2.62.0"),
}
"""Each can be set by a variable of its name; Beam has a runner for each minor version of Flink, such as 1.19."""

_PARTS: Final = (
    ("org.apache.beam", "beam-runners-flink-{minor}", "{beam}"),
    ("org.slf4j", "slf4j-simple", "1.7.30"),
)
_FLINK: Final = (
    "flink-clients",
    "flink-core",
    "flink-runtime",
    "flink-streaming-java",
    "flink-java",
    "flink-optimizer",
)
_LIBRARIES: Final = ("flink-shaded-", "flink-rpc-")
_LIST: Final = "files.json"
_LOG_LINES: Final = 400


def jars() -> Path:
    """Finds the folder of jars that every process of the cluster has on its class path; fetches them on first use.

    Returns:
        A folder whose files are those that Maven brought, each of the digest that was written down then.

    Raises:
        UserError: There is no Java, no Maven, or Maven cannot bring them.
    """
    require_program("java", "a Java runtime, 17 or 21: Debian's default-jre-headless has one")
    folder = default_cache_dir() / "flink" / "-".join(VERSIONS.values())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not _whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(folder)
    return folder


def sent_with_jobs(found: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Splits the jars of a job server into those of its class path, which it sends along with each job, and the others.

    The TaskManagers have all of them already; what Java itself is given is not sent. Flink's client must not be among
    that: it asks for the class loader that has it.
    """
    sent = [path for path in found if "flink-" in path.name and not path.name.startswith(_LIBRARIES)]
    return sent, [path for path in found if path not in sent]


def require_program(name: str, what: str) -> None:
    """Refuses to go on without a program.

    Raises:
        UserError: It is not on the path.
    """
    if shutil.which(name) is None:
        raise UserError(f"{name}: not found; install {what}")


def _whole(folder: Path) -> bool:
    try:
        listed: dict[str, int] = json.loads((folder / _LIST).read_text())
    except (OSError, ValueError):
        return False
    return bool(listed) and all(_digest(folder / name) == digest for name, digest in listed.items())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _fetch(folder: Path) -> None:
    """Has Maven bring the jars into a folder that takes its name when they are all there."""
    require_program("mvn", "Maven: Debian's maven has it")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as new:
        (Path(new) / "pom.xml").write_text(_pom())
        found = Path(new) / "jars"
        _maven(Path(new), "dependency:copy-dependencies", f"-DoutputDirectory={found}")
        listed = {path.name: _digest(path) for path in sorted(found.glob("*.jar"))}
        (found / _LIST).write_text(json.dumps(listed, indent=1))
        found.rename(folder)


def _maven(folder: Path, *arguments: str) -> None:
    repository = f"-Dmaven.repo.local={folder}/repository"
    options = " ".join([os.environ.get("MAVEN_OPTS", ""), *_trust(folder / "trusted.p12")])
    done = subprocess.run(
        ["mvn", "--batch-mode", "--quiet", repository, *arguments],
        cwd=folder,
        env={**os.environ, "MAVEN_OPTS": options},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["it says nothing"]
        reason = said[0].removeprefix("[ERROR] ")[:_LOG_LINES]
        raise UserError(f"mvn: cannot bring Apache Flink and Beam's runner: {reason}; check network and proxy")


def _trust(store: Path) -> list[str]:
    """Has Java trust the authorities of the file that the environment names, as all else does; Java reads no PEM."""
    if not (file := os.environ.get("SSL_CERT_FILE")):
        return []
    certificates = load_pem_x509_certificates(Path(file).read_bytes())
    entries = [PKCS12Certificate(cert, str(number).encode()) for number, cert in enumerate(certificates)]
    password = secrets.token_hex(16)
    store.write_bytes(serialize_java_truststore(entries, BestAvailableEncryption(password.encode())))
    kind = {"": store, "Type": "PKCS12", "Password": password}
    return [f"-Djavax.net.ssl.trustStore{name}={value}" for name, value in kind.items()]


def _pom() -> str:
    minor = VERSIONS["FLINK_VERSION"].rpartition(".")[0]
    flink = [("org.apache.flink", name, VERSIONS["FLINK_VERSION"]) for name in _FLINK]
    own = [
        (group, name.format(minor=minor), version.format(beam=VERSIONS["FLINK_BEAM_VERSION"]))
        for group, name, version in _PARTS
    ]
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>local</groupId><artifactId>flink-parts</artifactId><version>1</version>"
        f"<dependencyManagement>{_dependencies(flink)}</dependencyManagement>{_dependencies(own)}</project>"
    )


def _dependencies(parts: list[tuple[str, str, str]]) -> str:
    rows = (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in parts
    )
    return f"<dependencies>{''.join(rows)}</dependencies>"
