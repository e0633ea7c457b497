"""The workflow that publishes the images: pinned actions, least permissions, the project's own commands."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("runtime-cpu", "runtime")
TEXT = (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    return yaml.safe_load(TEXT)["jobs"]


def test_actions_are_pinned_by_commit_with_their_version_beside_it() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)


def test_only_the_job_that_publishes_may_write_and_only_packages(jobs: dict[str, Any]) -> None:
    assert yaml.safe_load(TEXT)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs.items() if job["permissions"] != {"contents": "read"}} == {
        "publish": {"contents": "read", "packages": "write"}
    }


def test_nothing_is_published_from_a_pull_request_or_before_everything_passed(jobs: dict[str, Any]) -> None:
    assert jobs["publish"]["if"] == "github.event_name == 'push'"
    assert set(jobs["publish"]["needs"]) == {"check", "test", "image"}


def test_a_tag_is_uploaded_to_kubeflow_only_where_the_repository_says_where_that_is(jobs: dict[str, Any]) -> None:
    deploy, publish = jobs["deploy"], jobs["publish"]
    assert deploy["if"] == "github.ref_type == 'tag' && vars.KF_PIPELINES_ENDPOINT != ''"
    assert deploy["needs"] == ["publish"]
    assert deploy["environment"] == "kubeflow"
    assert publish["outputs"] == {target: f"${{{{ steps.push.outputs.{target} }}}}" for target in TARGETS}
    assert publish["strategy"]["matrix"]["target"] == list(TARGETS)


TOOL = """#!/bin/sh
printf '%s\\n' "$KF_PIPELINES_ENDPOINT" "$KFP_TOKEN" "$@" >>"$CALLED"
exit "$CODE"
"""


@pytest.mark.parametrize("flags", ["", "--serving-pvc models --config kubeflow.toml"])
@pytest.mark.parametrize("code", ["0", "2"])
def test_the_upload_is_of_the_image_that_was_pushed_with_the_flags_of_the_repository(
    jobs: dict[str, Any], flags: str, code: str, tmp_path: Path
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/env").write_text(TOOL)
    (tmp_path / "tools/env").chmod(0o755)
    (step,) = [step for step in jobs["deploy"]["steps"] if "run" in step]
    values = {
        "IMAGE": "ghcr.io/me/fashion@sha256:1",
        "FLAGS": flags,
        "KFP_TOKEN": "t",
        "KF_PIPELINES_ENDPOINT": "https://h",
    }
    assert step["env"].keys() == values.keys()
    environment = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), **values}
    environment |= {"CALLED": str(tmp_path / "called"), "CODE": code}
    # As GitHub runs a step whose shell is `bash`.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == int(code)
    called = (tmp_path / "called").read_text().splitlines()
    expected = ["--image", "ghcr.io/me/fashion@sha256:1", *flags.split(), "--upload"]
    assert called == ["https://h", "t", "python", "kubeflow_runner.py", *expected]


def test_no_expression_is_part_of_a_script_that_others_could_write(jobs: dict[str, Any]) -> None:
    scripts = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert all(set(re.findall(r"\$\{\{(.*?)\}\}", script)) <= {" matrix.target "} for script in scripts)


def test_every_make_target_that_is_called_exists(jobs: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    called = {
        match
        for job in jobs.values()
        for step in job["steps"]
        for match in re.findall(r"make (?:--\w+ )?([a-z-]+)", step.get("run", ""))
    }
    assert called <= targets
    assert {"check", "test", "image", "image-push", "audit"} <= called


def test_updates_are_proposed_for_packages_the_base_image_and_actions() -> None:
    managers = json.loads((ROOT / ".github" / "renovate.json").read_text())["enabledManagers"]
    assert {"pep621", "dockerfile", "github-actions"} <= set(managers)
