"""The Flink cluster for trying and for tests: its parts, whole or not at all, and the command that starts it."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_run import ROOT
from tests.tools.test_env import program
from tfx_pipeline.process.errors import UserError
from tools import flink_parts
from tools.flink_cluster import session_cluster
from tools.ports import held_ports

MAVEN = """
for word; do case "$word" in -DoutputDirectory=*) folder=${word#*=} ;; esac; done
echo "$PWD" >>"$CALLS"
/bin/mkdir -p "$folder" && echo jar >"$folder/a.jar" && echo jar >"$folder/b.jar"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a cache of its own, and the programs that a test puts into the folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    return folder


def calls(machine: Path) -> int:
    return len((machine.parent / "calls").read_text().splitlines())


def test_a_machine_without_java_or_maven_is_told_which(machine: Path) -> None:
    with pytest.raises(UserError, match=r"^java: not found; install a Java runtime, 17 or 21: "):
        flink_parts.jars()
    program(machine / "java", "")
    with pytest.raises(UserError, match=r"^mvn: not found; install Maven: Debian's maven has it"):
        flink_parts.jars()


def test_a_maven_that_fails_is_one_line_and_leaves_nothing(machine: Path) -> None:
    program(machine / "java", "")
    program(machine / "mvn", 'echo "[ERROR] Could not transfer a.jar: no route to host"\necho "[ERROR] more"\nexit 1')
    with pytest.raises(UserError) as error:
        flink_parts.jars()
    said = "mvn: cannot bring Apache Flink and Beam's runner: Could not transfer a.jar: no route to host; check network"
    assert str(error.value).startswith(said)
    assert not list((machine.parent / "cache").rglob("*.jar"))


def test_a_job_brings_flinks_client_alone_of_what_its_task_managers_have() -> None:
    names = ["beam-runners-flink-1.19.jar", "flink-core-1.19.0.jar", "flink-shaded-guava-31.jar", "beam-sdks.jar"]
    sent, known = flink_parts.sent_with_jobs([Path(name) for name in names])
    assert [path.name for path in sent] == names[:2]
    assert [path.name for path in known] == names[2:]


def test_parts_are_fetched_once_and_again_where_they_are_damaged(machine: Path) -> None:
    program(machine / "java", "")
    program(machine / "mvn", MAVEN)
    folder = flink_parts.jars()
    assert flink_parts.jars() == folder
    assert calls(machine) == 1
    assert set(json.loads((folder / "files.json").read_text())) == {"a.jar", "b.jar"}
    (folder / "a.jar").write_text("ja")
    assert (flink_parts.jars() / "a.jar").read_text() == "jar\n"
    (folder / "b.jar").unlink()
    flink_parts.jars()
    assert calls(machine) == 3


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with (
            pytest.raises(UserError, match=rf"^127\.0\.0\.1:{taken}: Address already in use; end what uses this port"),
            session_cluster(tmp_path, ports=(0, taken, 0)),
        ):
            pass


def test_a_process_that_ends_at_its_start_is_named_with_its_cause(machine: Path, tmp_path: Path) -> None:
    program(machine / "java", "echo 'Caused by: Address already in use' >&2\nprintf '\\t... 5 more\\n' >&2\nexit 1\n")
    program(machine / "mvn", MAVEN)
    with (
        pytest.raises(
            UserError, match=r"^[a-z0-9-]+: ended with 1 at its start: Caused by: Address already in use; see "
        ),
        session_cluster(tmp_path / "cluster"),
    ):
        pass


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("tools", "tfx_pipeline", "modules"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def flink(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / "tools" / "flink", *arguments], capture_output=True, text=True, check=False)


def test_what_cannot_be_done_is_one_line(checkout: Path) -> None:
    done = flink(checkout, "status")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no cluster of this checkout is up; start one with tools/flink up" in done.stderr
    assert "nonsense: no such command, expected up, down or status" in flink(checkout, "nonsense").stderr
    assert flink(checkout, "down").returncode == 0


def test_a_wrong_size_is_one_line(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASHION_MNIST_ENV", "image")
    monkeypatch.setenv("FLINK_SLOTS", "many")
    done = flink(checkout, "up")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("FLINK_SLOTS=many: expected 1 number(s) above 0")


@pytest.mark.e2e
def test_a_cluster_goes_up_is_shown_and_ends_with_all_its_processes(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("java") is None:
        pytest.skip("Flink needs Java, which is not here")
    monkeypatch.setenv("FASHION_MNIST_ENV", "image")
    monkeypatch.setenv("FLINK_TASK_MANAGERS", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{Path('/usr/bin')}:{Path('/bin')}")
    with held_ports(0, 0, 0) as ports:
        monkeypatch.setenv("FLINK_PORTS", " ".join(map(str, ports)))
        try:
            up = flink(checkout, "up")
            assert up.returncode == 0, up.stderr
            assert up.stdout.startswith(
                f"--beam-runner flink --flink 127.0.0.1:{ports[0]} --set beam.job_server=127.0.0.1:"
            )
            assert flink(checkout, "status").stdout.splitlines()[:3] == [
                "TaskManagers  1", "slots         1, 1 free", "running jobs  none",
            ]  # fmt: skip
        finally:
            down = flink(checkout, "down")
        assert down.returncode == 0
        for port in ports:
            assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(checkout) not in running
