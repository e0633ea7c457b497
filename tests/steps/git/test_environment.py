"""Users that are only a number, as clusters have them: OpenSSH refuses to run for such a user."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.small_run import ROOT

NOBODYS_NUMBER = 54_321
CODE = (
    "import subprocess, sys\nfrom pathlib import Path\nfrom tfx_pipeline.steps.git.environment import git_environment\n"
    "env = git_environment(Path(sys.argv[1]), {})\n"
    "command = ['ssh', '-T', '-F', 'none', '-G', 'example.org']\n"
    "print(subprocess.run(command, env=env, capture_output=True, text=True).stderr)"
)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a program as another user")
@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh: not installed (Debian: openssh-client)")
@pytest.mark.skipif(not list(Path("/usr/lib").glob("*/libnss_wrapper.so")), reason="Debian: libnss-wrapper")
def test_ssh_runs_for_a_user_without_a_name() -> None:
    # Not pytest's folder, which belongs to the user who runs the tests.
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        os.chown(home, NOBODYS_NUMBER, 0)
        command = [sys.executable, "-c", CODE, str(home)]
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
        options = {"user": NOBODYS_NUMBER, "group": 0, "extra_groups": []}
        done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=True, **options)
    finally:
        shutil.rmtree(home)
    assert done.stdout.strip() == ""
