"""What the Makefile's targets say where there is nothing to do, and what they leave."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.tools.test_env import ROOT, program


def make(target: str, arguments: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", "-C", str(ROOT), target, f"ARGS={arguments}"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--logdir {}/none", "--logdir {}/none: no run has logged anything there that is seen here; "),
        ("--logdir={}", "--logdir {}: no run has logged anything there"),
        ("--logdir s3://b/x", "--logdir s3://b/x: TensorBoard cannot read this object store; "),
        ("--port 6007 --logdir=minio://b/x", "--logdir minio://b/x: TensorBoard cannot read this object store; "),
        ("--logdir", "--logdir has no value, expected a folder"),
    ],
)
def test_a_board_without_anything_on_it_is_a_line_instead(tmp_path: Path, arguments: str, said: str) -> None:
    done = make("tensorboard", arguments.format(tmp_path))
    line, *rest = done.stderr.splitlines()
    assert line.startswith(f"tensorboard: {said.format(tmp_path)}")
    assert all(re.match(r"make(\[\d+\])?: ", other) for other in rest)  # with a number where make runs these tests
    assert done.stdout == ""


@pytest.mark.parametrize("folder", ["{}/link", "~/link"])
def test_what_was_logged_is_shown(tmp_path: Path, folder: str) -> None:
    program(tmp_path / "tensorboard", 'printf "%s\\n" "$@"')
    (tmp_path / "logs" / "run").mkdir(parents=True)
    (tmp_path / "logs" / "run" / "events.out.tfevents.1").touch()
    (tmp_path / "link").symlink_to("logs")
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    command = [ROOT / "tools" / "tensorboard", "--port", "6007", f"--logdir={folder.format(tmp_path)}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["--logdir", f"{tmp_path}/link", "--port", "6007"]


def test_the_data_sets_that_runs_keep_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "tfx-fashion-mnist" / "digest").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    assert make("clean-data", XDG_CACHE_HOME=str(tmp_path)).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
