"""What a repository changes in the package for Kubeflow."""

from typing import Any

import pytest

from tfx_pipeline.config.flags import load
from tfx_pipeline.kubeflow.package.compile import compile_package
from tfx_pipeline.kubeflow.package.dag_runner import Package, check
from tfx_pipeline.process.errors import UserError

URL = "git@git.example.org:ml/fashion.git"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def package(**flags: str) -> Package:
    """Compiles and checks the package with `repo_...` flags."""
    given = {"kubeflow.pods": "component"} | {f"kubeflow.{name}": value for name, value in flags.items()}
    result = compile_package(load(given))
    check(result)
    return result


def task(package: Package, name: str) -> dict[str, Any]:
    result: dict[str, Any] = package.spec["root"]["dag"]["tasks"][name]
    return result


def secret_mounts(package: Package, step: str = "source-checkout") -> dict[str, str]:
    """The Secret at each path, with ? where a pod starts without it."""
    body = package.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"{step}_executor"]
    return {
        mount["mountPath"]: mount["secretNameParameter"]["runtimeValue"]["constant"]
        + "?" * mount.get("optional", False)
        for mount in body.get("secretAsVolume", [])
    }


@pytest.fixture(scope="module")
def branch() -> Package:
    return package(repo_url=URL, repo_ref="main")


def test_without_a_repository_there_is_no_checkout() -> None:
    spec = package().spec
    assert "source-checkout" not in spec["root"]["dag"]["tasks"]
    assert "repo_url" not in spec["root"]["inputDefinitions"]["parameters"]


def test_steps_that_run_the_users_code_take_the_checkout_as_an_input(branch: Package) -> None:
    tasks = branch.spec["root"]["dag"]["tasks"]
    takers = {name for name in tasks if "source" in tasks[name].get("inputs", {}).get("artifacts", {})}
    assert takers == {"transform", "trainer", "evaluator", "evaluation-review"}
    expected = {"taskOutputArtifact": {"outputArtifactKey": "source", "producerTask": "source-checkout"}}
    assert task(branch, "trainer")["inputs"]["artifacts"]["source"] == expected


def test_branch_is_checked_out_in_each_run_so_that_a_moved_one_trains_anew(branch: Package) -> None:
    assert task(branch, "source-checkout")["cachingOptions"] == {}
    assert task(branch, "trainer")["cachingOptions"] == {"enableCache": True}


def test_url_and_branch_can_be_set_when_a_run_is_started(branch: Package) -> None:
    parameters = branch.spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["repo_url"]["defaultValue"] == URL
    assert parameters["repo_ref"]["defaultValue"] == "main"
    assert task(branch, "source-checkout")["inputs"]["parameters"]["repo_ref"] == {
        "componentInputParameter": "repo_ref"
    }


def test_commit_is_fixed_and_cached() -> None:
    fixed = package(repo_url=URL, repo_ref=COMMIT)
    assert task(fixed, "source-checkout")["cachingOptions"] == {"enableCache": True}
    assert "repo_ref" not in fixed.spec["root"]["inputDefinitions"]["parameters"]
    parameters = task(fixed, "source-checkout")["inputs"]["parameters"]
    assert parameters["repo_ref"] == {"runtimeValue": {"constant": COMMIT}}


def test_code_in_the_image_is_not_part_of_the_cache_key_beside_a_checkout(branch: Package) -> None:
    assert task(branch, "trainer")["inputs"]["parameters"]["code_digest"] == {"runtimeValue": {"constant": ""}}


def test_secret_is_mounted_for_the_checkout_alone_and_a_pod_starts_without_it(branch: Package) -> None:
    assert secret_mounts(branch) == {"/etc/ssh-key": "ssh-key-secret?"}
    assert secret_mounts(branch, "trainer") == {}


def test_ref_without_a_repository_is_refused() -> None:
    message = r"^kubeflow\.repo_ref: says nothing without a repository; give one with --repo-url$"
    with pytest.raises(UserError, match=message):
        package(repo_ref="main")


def test_secrets_can_be_named() -> None:
    named = package(
        repo_url="https://git.example.org/fashion.git", repo_ssh_secret="deploy-key", repo_token_secret="git-token"
    )
    assert secret_mounts(named) == {"/etc/ssh-key": "deploy-key?", "/etc/git-token": "git-token?"}


@pytest.mark.parametrize(
    ("flag", "value", "reason"),
    [
        ("repo_url", "http://git.example.org/x", "expected ssh://"),
        ("repo_url", "https://me:t0ken@git.example.org/x", "must not hold a user or token"),
        ("repo_ref", "main~1", "expected the name of a branch or tag, a commit, or HEAD"),
    ],
)
def test_setting_that_cannot_work_is_refused_before_anything_is_compiled(flag: str, value: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as error:
        load({"kubeflow.repo_url": URL, f"kubeflow.{flag}": value})
    assert "t0ken" not in str(error.value)
