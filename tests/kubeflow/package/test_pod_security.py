"""The pods against Kubernetes' Pod Security Standard `restricted`."""

import re
import textwrap
from collections.abc import Callable

import yaml

from tests.kubeflow.conftest import Documents, read_config
from tests.kubeflow.replay.pod_spec import pod_spec, violations
from tests.small_run import ROOT
from tfx_pipeline.kubeflow.step_settings import root_warnings

EVERY_VOLUME = (
    "--serving-pvc", "models", "--data-pvc", "images", "--repo-url", "git@example.org:me/fashion.git",
    "--set", "kubeflow.shared_memory=1Gi",
)  # fmt: skip


def found(package: Documents) -> dict[str, list[str]]:
    return {step: list(violations(pod_spec(package.kubernetes(step)))) for step in package.steps}


def test_every_pod_of_the_default_package_passes(package: Documents) -> None:
    assert found(package) == {step: [] for step in package.steps}


def test_every_pod_passes_with_claims_secrets_and_shared_memory(compiled: Callable[..., Documents]) -> None:
    package = compiled(*EVERY_VOLUME)
    assert found(package) == {step: [] for step in package.steps}


def test_another_user_passes_too(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.run_as_user=1000650000")
    assert found(package) == {step: [] for step in package.steps}


def test_root_is_the_exception_and_warned_of(compiled: Callable[..., Documents]) -> None:
    flags = ("--set", "kubeflow.steps.pusher.run_as_user=0")
    of_steps = found(compiled(*flags))
    assert {step for step, of_step in of_steps.items() if of_step} == {"pusher"}
    assert of_steps["pusher"] == ["runAsNonRoot != true", "runAsUser=0"]
    (warning,) = root_warnings(read_config(*flags).kubeflow)
    assert warning.startswith("kubeflow.steps.pusher.run_as_user=0: a namespace with the Pod Security Standard")


def test_an_image_of_your_own_may_run_as_root(compiled: Callable[..., Documents]) -> None:
    package = compiled("--set", "kubeflow.run_as_non_root=false")
    assert set(map(tuple, found(package).values())) == {("runAsNonRoot != true",)}


def test_the_pod_that_fills_a_claim_passes_too() -> None:
    (text,) = re.findall(r"<<'EOF'\n(.*?)\n +EOF\n", (ROOT / "docs" / "kubeflow.md").read_text(), flags=re.DOTALL)
    claim, pod = yaml.safe_load_all(textwrap.dedent(text))
    (volume,) = pod["spec"]["volumes"]
    assert volume.pop("name") == pod["spec"]["containers"][0]["volumeMounts"][0]["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert list(violations(pod["spec"])) == []
