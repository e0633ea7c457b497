"""The container way of tools/env, with an engine that keeps what it is told and runs the command here."""

import json
import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.test_env import BASH, ROOT, program

# Podman as far as tools/env calls it. A build, like podman's own, has its step run by a runtime: it leaves a working
# container where it is interrupted itself, and none where its step fails.
PODMAN = """
if [ "$1" = info ]; then echo overlay; exit; fi
if [ "$1" = image ]; then [ -e "$FAKE/image" ]; exit; fi
if [ "$1" = build ]; then exec bash "$FAKE/build"; fi
shift
while :; do
    case "$1" in
        --env) case "$2" in *=*) export "$2" ;; *) echo "$2" >>"$FAKE/passed" ;; esac; shift ;;
        --mount) printf '%s\\n' "$2" >>"$FAKE/mounts"; shift ;;
        --workdir | --user) shift ;;
        -*) ;;
        *) break ;;
    esac
    shift
done
shift
exec "$@"
"""
BUILD = """
trap 'exit 0' INT TERM
echo '== a step'
touch "$FAKE/working-container"
(exec -a buildah-oci-runtime bash -c 'sleep 60 & wait $!') &
wait $!
rm "$FAKE/working-container"
exit 1
"""


class Engine:
    """Calls of tools/env on a host that needs a container.

    Attributes:
        folder: What the engine keeps.
        environment: Of the calls.
        checkout: Whose tools/env is called.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout = folder, ROOT
        for name, body in {"podman": PODMAN, "docker": "exit 1", "getconf": "echo glibc 2.36"}.items():
            program(folder / name, body)
        (folder / "build").write_text(BUILD)
        (folder / "image").touch()
        self.environment = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "FAKE": str(folder),
            "FASHION_MNIST_ENV": "",
            "CONTAINERS_CONF": "/dev/null",
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def copy_tools(self, checkout: Path) -> None:
        """Takes tools/env of a copy of the files that the environment is made from."""
        checkout.mkdir()
        for name in ("pyproject.toml", "uv.lock", "Dockerfile"):
            shutil.copy(ROOT / name, checkout)
        shutil.copytree(ROOT / "tools", checkout / "tools")
        self.checkout = checkout

    def command(self, *arguments: str) -> list[str]:
        return [str(self.checkout / "tools" / "env"), *arguments]

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        values = {**self.environment, **environment}
        return subprocess.run(self.command(*arguments), env=values, capture_output=True, text=True, check=False)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    folder = tmp_path / "engine"
    folder.mkdir()
    return Engine(folder)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.rstrip()


@pytest.mark.parametrize("place", ["/opt/x", "/", "/usr/x", "/var/x", "/home/x", "/no-such-folder/x"])
def test_a_run_whose_result_would_be_thrown_away_is_refused(engine: Engine, place: str) -> None:
    done = engine("python", "local_runner.py", "--output-dir", place)
    assert done.returncode == 2
    assert one_line(done).startswith(f"error: --output-dir {place}: the container that tools/env runs does not see ")


@pytest.mark.parametrize("place", ["s3://b/x", "minio://b/x", "~no-such-user/x"])
def test_an_output_directory_that_is_no_folder_of_this_machine_is_refused(engine: Engine, place: str) -> None:
    done = engine("python", "local_runner.py", "--output-dir", place)
    assert done.returncode == 2
    assert one_line(done).startswith(f"error: --output-dir {place}: ")


def test_a_place_in_a_toml_file_is_refused_too(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[run]\noutput_dir = "/opt/x"\n')
    done = engine("python", "local_runner.py", "--config", str(file))
    assert done.returncode == 2
    assert one_line(done).startswith("error: --output-dir /opt/x: the container ")


def test_a_file_that_the_container_does_not_see_is_not_said_to_be_missing(engine: Engine) -> None:
    done = engine("python", "local_runner.py", "--config", "/etc/fashion.toml")
    assert one_line(done).startswith(
        "error: --config /etc/fashion.toml: the container that tools/env runs does not see "
    )


def test_a_package_that_would_be_thrown_away_is_refused(engine: Engine) -> None:
    done = engine("python", "kubeflow_runner.py", "--output", "/opt/x.yaml")
    assert done.returncode == 2
    assert one_line(done).startswith("error: --output /opt/x.yaml: the container ")


PRINT = "import json, os; print(json.dumps(dict(os.environ)))"


def test_the_container_is_told_what_is_the_hosts(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a, b").mkdir()
    done = engine("python", "-c", PRINT, f"--output-dir={tmp_path}/a, b/new", HOME="/home/me")
    environment = json.loads(done.stdout)
    folders = environment["FASHION_MNIST_HOST_FOLDERS"].splitlines()
    assert {str(ROOT), str(tmp_path / "a, b"), f"{engine.folder}/cache/tfx-fashion-mnist"} <= set(folders)
    mounts = (engine.folder / "mounts").read_text().splitlines()
    assert f'type=bind,"source={tmp_path}/a, b","target={tmp_path}/a, b"' in mounts
    assert len(mounts) - sum(mount.endswith("readonly") for mount in mounts) == len(folders)
    assert environment["FASHION_MNIST_HOST_HOME"] == "/home/me"


def test_the_container_is_told_how_kubeflow_and_its_object_store_are_reached(engine: Engine) -> None:
    names = {"KF_PIPELINES_ENDPOINT", "KFP_TOKEN", "KFP_COOKIES", "HTTPS_PROXY", "no_proxy"}
    names |= {"MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}
    engine("true", **dict.fromkeys(names, "x"), KFX="x")
    passed = set((engine.folder / "passed").read_text().split())
    assert names <= passed
    assert "KFX" not in passed


def test_the_container_sees_the_certificate_that_the_environment_names(engine: Engine, tmp_path: Path) -> None:
    certificate = tmp_path / "own" / "ca.pem"
    certificate.parent.mkdir()
    certificate.touch()
    engine("true", KFP_CA_CERT=str(certificate))
    folder = str(certificate.parent)
    assert f"type=bind,source={folder},target={folder}" in (engine.folder / "mounts").read_text().splitlines()


def test_the_process_that_the_container_is_told_of_is_the_one_that_is_found_on_the_host(engine: Engine) -> None:
    with subprocess.Popen(
        engine.command("printenv", "FASHION_MNIST_HOST_PID"), env=engine.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.communicate()[0] == f"{process.pid}\n"


@pytest.mark.parametrize("name", ["comma, and", 'quote"s', "it's"])
def test_a_checkout_in_a_folder_of_any_name_works(engine: Engine, tmp_path: Path, name: str) -> None:
    engine.copy_tools(tmp_path / name)
    done = engine("pwd")
    assert (done.stdout, done.stderr, done.returncode) == (f"{tmp_path}/{name}\n", "", 0)


def test_a_line_break_in_the_checkouts_path_is_said_in_one_line(engine: Engine, tmp_path: Path) -> None:
    engine.copy_tools(tmp_path / "a\nb")
    done = engine("true")
    assert done.returncode == 1
    assert "the checkout's path has a line break" in one_line(done)


def test_without_home_the_one_of_the_user_database_is_taken(engine: Engine) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        engine.environment.pop(name, None)
    script = f'source "{ROOT}/tools/lib/common.sh"; source "{ROOT}/tools/lib/container.sh"; data_cache'
    done = subprocess.run(
        [BASH, "-euc", f"root={ROOT}; {script}"], env=engine.environment, capture_output=True, text=True, check=True
    )
    home = subprocess.run([BASH, "-c", "unset HOME; echo ~"], capture_output=True, text=True, check=True).stdout.strip()
    assert done.stdout == f"{home}/.cache/tfx-fashion-mnist\n"


def test_a_data_cache_that_cannot_be_made_is_said_in_one_line(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = engine("true", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    expected = f"tools/env: {tmp_path}/file/tfx-fashion-mnist, the folder for the data, cannot be made or written: "
    assert one_line(done).startswith(expected)


def test_another_processor_is_said_before_anything_is_built(engine: Engine, tmp_path: Path) -> None:
    program(engine.folder / "uname", "echo aarch64")
    (engine.folder / "image").unlink()
    (tmp_path / "binfmt").mkdir()
    done = engine("true", binfmt=str(tmp_path / "binfmt"))
    assert done.returncode == 1
    assert one_line(done).startswith("tools/env: this processor is aarch64, and TFX has packages for x86_64 only: ")


@pytest.fixture
def unbuilt(engine: Engine, tmp_path: Path) -> Engine:
    """An engine that has the base image of no registry, and not the project's image."""
    engine.copy_tools(tmp_path / "checkout")
    (engine.folder / "image").unlink()
    file = engine.checkout / "tools" / "lib" / "base_image.sh"
    file.write_text(file.read_text() + "\nchoose_base_image() { base_image=debian; }\n")
    return engine


def test_a_build_that_says_nothing_of_its_failure_is_no_success(unbuilt: Engine) -> None:
    (unbuilt.folder / "build").write_text("exit 0\n")
    done = unbuilt("echo", "ran")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the environment is ready" not in done.stderr
    assert "the image was not made" in done.stderr


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def terminal(unbuilt: Engine) -> Iterator[tuple[int, int]]:
    """Process and terminal of a tools/env that builds the image."""
    process, descriptor = pty.fork()
    if process == 0:
        os.execve(unbuilt.command()[0], unbuilt.command("echo", "ran"), unbuilt.environment)  # noqa: S606
    until((unbuilt.folder / "working-container").exists)
    yield process, descriptor
    os.close(descriptor)


def read_to_the_end(descriptor: int) -> str:
    content = b""
    try:
        while part := os.read(descriptor, 1000):
            content += part
    except OSError:  # how a terminal without a program ends
        pass
    return content.decode()


@pytest.mark.parametrize(("how", "code"), [("key", 130), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing(
    unbuilt: Engine, terminal: tuple[int, int], how: signal.Signals | str, code: int
) -> None:
    process, descriptor = terminal
    if isinstance(how, signal.Signals):
        os.kill(process, how)
    else:
        os.write(descriptor, b"\x03")
    said = read_to_the_end(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code
    assert not (unbuilt.folder / "working-container").exists()
    assert "the environment is ready" not in said
    assert "ran" not in said.splitlines()
