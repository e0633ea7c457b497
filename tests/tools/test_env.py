"""What tools/env decides about a host, tested on made-up hosts, and what it passes on to the command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = "common host venv engine base_image mounts container"
BASH = shutil.which("bash") or "bash"
DEBIAN = "ID=debian\nVERSION_ID=13\n"
FEDORA = "ID=fedora\nVERSION_ID=43\n"


def bash(script: str, *arguments: str, root: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a script after the parts of tools/env are read, as if the checkout were at `root`."""
    read = f'root=$1; shift; for part in {PARTS}; do source "{ROOT}/tools/lib/$part.sh"; done; '
    return subprocess.run(
        [BASH, "-c", f"set -euo pipefail; {read}{script}", "test", str(root), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder to put before PATH, with a host of glibc 2.41 whose python3 is too new and whose python3.12 is not."""
    program(tmp_path / "getconf", "echo glibc ${GLIBC:-2.41}")
    program(tmp_path / "uname", '[ "$1" = -s ] && echo Linux || echo ${MACHINE:-x86_64}')
    program(tmp_path / "python3", "exit 1")
    program(tmp_path / "python3.13", "exit 1")
    program(tmp_path / "python3.12", "exit 0")
    program(tmp_path / "python3.11", "exit 0")
    (tmp_path / "os-release").write_text(DEBIAN)
    return tmp_path


def on(host: Path, script: str, **environment: str) -> str:
    path = f"{host}{os.pathsep}{os.environ['PATH']}"
    names = {"PATH": path, "os_release": str(host / "os-release"), "FASHION_MNIST_ENV": "", **environment}
    return bash(script, **names).stdout.strip()


@pytest.mark.parametrize(
    ("have", "enough"), [("2.38", True), ("2.41", True), ("3.0", True), ("2.36", False), ("2.4", False), ("", False)]
)
def test_versions_are_compared_as_numbers(have: str, enough: bool) -> None:
    assert (bash('version_at_least "$1" 2.38', have).returncode == 0) is enough


def test_the_first_suitable_python_is_chosen(host: Path) -> None:
    assert on(host, "choose_python") == str(host / "python3.12")


def test_a_new_enough_host_uses_a_virtual_environment(host: Path) -> None:
    assert on(host, "choose_way") == "venv"


@pytest.mark.parametrize("emulated", [False, True])
def test_another_processor_needs_an_emulator(host: Path, tmp_path: Path, emulated: bool) -> None:
    (tmp_path / "binfmt").mkdir()
    if emulated:
        (tmp_path / "binfmt" / "qemu-x86_64").touch()
    path = f"{host}{os.pathsep}{os.environ['PATH']}"
    result = bash("require_x86_64", PATH=path, MACHINE="aarch64", binfmt=str(tmp_path / "binfmt"))
    assert (result.returncode == 0) is emulated
    line = "tools/env: this processor is aarch64, and TFX has packages for x86_64 only: install an emulator and"
    assert result.stderr.startswith(line) is not emulated
    assert result.stderr.count("\n") == (not emulated)


@pytest.mark.parametrize("old", [{"GLIBC": "2.36"}, {"MACHINE": "aarch64"}])
def test_a_host_that_cannot_load_the_wheels_uses_a_container(host: Path, old: dict[str, str]) -> None:
    assert on(host, "choose_way", **old) == "container"


@pytest.mark.parametrize(("release", "way"), [(DEBIAN, "venv"), ("ID=debian\nVERSION_ID=14\n", "container")])
def test_a_host_without_python_uses_the_one_its_distribution_has(host: Path, release: str, way: str) -> None:
    for version in ("3.12", "3.11"):
        program(host / f"python{version}", "exit 1")
    (host / "os-release").write_text(release)
    assert on(host, "choose_way") == way


def test_inside_the_image_the_command_runs_directly(host: Path) -> None:
    assert on(host, "choose_way", FASHION_MNIST_ENV="image", GLIBC="2.36") == "image"


def test_all_missing_system_packages_are_named_in_one_command(host: Path) -> None:
    for name in ("python3.12", "python3.11"):
        program(host / name, '[ "$*" = "-c import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" ]')
    hide_compiler = 'has() { [[ $1 != g++ && $1 != c++ ]] && command -v "$1" >/dev/null; }; is_root() { false; }; '
    result = bash(
        hide_compiler + "is_debian_like() { [[ $(os_field ID) == debian ]]; }; require_system",
        PATH=f"{host}{os.pathsep}{os.environ['PATH']}",
        os_release=str(host / "os-release"),
    )
    assert result.returncode == 1
    assert result.stderr.endswith("sudo apt-get install -y g++ python3.12-dev python3.12-venv\n")
    assert result.stderr.count("\n") == 1


def test_dnf_hosts_are_told_of_dnf(host: Path) -> None:
    program(host / "dnf", "exit 0")
    (host / "os-release").write_text(FEDORA)
    script = "is_root() { false; }; is_debian_like() { false; }; install_command gcc-c++"
    assert on(host, script) == "sudo dnf install -y gcc-c++"


@pytest.mark.parametrize(("where", "installed"), [("container", True), ("desktop", False)])
def test_an_ssh_server_is_only_installed_where_nothing_would_start_it(where: str, installed: bool) -> None:
    script = f"""
    missing_test_packages() {{ echo openssh-server; }}
    may_install_servers() {{ [[ {where} == container ]]; }}
    require_packages() {{ echo "installed: ${{*:2}}"; }}
    require_for_tests"""
    result = bash(script)
    assert result.returncode == 0
    assert (result.stdout == "installed: openssh-server\n") is installed
    assert ("tests that need openssh-server are skipped; install with: " in result.stderr) is not installed


def test_only_the_tests_need_an_ssh_server(host: Path) -> None:
    script = """
    require_system() { :; }; require_for_tests() { echo needed; }; choose_python() { return 1; }
    for command in pytest python; do (venv_exec "$command" 2>/dev/null) || true; done"""
    assert on(host, script) == "needed"


@pytest.fixture
def packaging(tmp_path: Path) -> Path:
    """A copy of the files that the environment is made from."""
    for name in ("pyproject.toml", "uv.lock", "Dockerfile"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools" / "docker", tmp_path / "tools" / "docker")
    return tmp_path


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_settings_of_linters_do_not_make_a_new_environment(packaging: Path) -> None:
    before = bash("environment_key", root=packaging).stdout
    append(packaging / "pyproject.toml", "\n[tool.ruff.lint.isort]\ncombine-as-imports = true\n")
    assert bash("environment_key", root=packaging).stdout == before


@pytest.mark.parametrize("changed", ["uv.lock", "Dockerfile", "pyproject.toml", "tools/docker/trim.py"])
def test_other_packages_make_a_new_environment(packaging: Path, changed: str) -> None:
    before = bash("environment_key", root=packaging).stdout
    append(packaging / changed, "\n[project.urls]\n")
    assert bash("environment_key", root=packaging).stdout != before


def test_a_failed_installation_shows_its_end_and_names_its_log(tmp_path: Path) -> None:
    script = 'step() { echo "== fetching"; echo "disk full"; return 3; }; logged "$1" step'
    result = bash(script, str(tmp_path / "made.log"), root=tmp_path)
    assert result.returncode == 3
    assert "tools/env:   fetching" in result.stderr
    assert "disk full" in result.stderr
    assert str(tmp_path / "made.log") in result.stderr


def test_what_was_cut_off_is_no_success(tmp_path: Path) -> None:
    result = bash('step() { kill -KILL $BASHPID; }; logged "$1" step', str(tmp_path / "made.log"), root=tmp_path)
    assert result.returncode == 1
    assert str(tmp_path / "made.log") in result.stderr


def test_a_checkout_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env-cache").touch()
    result = bash('podman_settings() { echo "[engine]"; }; CONTAINERS_CONF=; adapt_podman', root=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"tools/env: {tmp_path}/.env-cache cannot be written by ")
    assert result.stderr.count("\n") == 1


def test_only_one_process_makes_the_environment(tmp_path: Path) -> None:
    script = """
    make() { [[ -e $root/made ]] && return; sleep 0.3; echo made >>"$root/log"; touch "$root/made"; }
    locked it make & locked it make & wait"""
    bash(script, root=tmp_path)
    assert (tmp_path / "log").read_text() == "made\n"


def test_the_exit_code_and_the_output_of_the_command_pass_through() -> None:
    command = [str(ROOT / "tools" / "env"), "sh", "-c", "echo out; pwd; exit 7"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (result.returncode, result.stdout) == (7, f"out\n{ROOT}\n")
