"""What the steps ask of a node: the whole package runs beside Kubeflow on two cores."""

import itertools
import re
from collections.abc import Callable

import pytest

from tests.kubeflow.conftest import Documents
from tests.small_run import ROOT
from tfx_pipeline.kubeflow.pod import amount
from tfx_pipeline.steps.graph import upstream

MIB = 2**20
CORES, MEMORY = 1.4, 6 * 2**30
DRIVER = {"Cpu": 0.1, "Memory": 64 * MIB}
"""What the backend asks for a driver (`backend/src/v2/compiler/argocompiler/container.go`)."""
MEASURED = {
    "example-gen": 850, "statistics-gen": 789, "example-validator": 704, "data-gate": 810, "transform": 772,
    "trainer": 977, "evaluator": 951, "evaluation-review": 821, "baseline-locator": 315, "schema-import": 315,
    "pusher": 315, "data": 946, "judgement": 1029,
}  # fmt: skip
"""Highest memory of the executor's pod with its file cache, in MiB, on 60,000 images with the dense model; of stages,
that of the process."""
STAGE = ("--set", "kubeflow.pods=stage")


def resources(package: Documents, step: str) -> dict[str, str]:
    return package.container(step)["resources"]


def by_step(*packages: Documents) -> dict[str, Documents]:
    """A package that has the step, for each step."""
    return {step: package for package in packages for step in package.steps}


def at_once(package: Documents) -> list[tuple[str, ...]]:
    """Every set of steps none of which waits for another."""
    waits = {step: package.task(step).get("dependentTasks", []) for step in package.steps}
    before = {step: upstream(step, waits) for step in package.steps}

    def independent(steps: tuple[str, ...]) -> bool:
        return not any(a in before[b] or b in before[a] for a, b in itertools.combinations(steps, 2))

    sets = (itertools.combinations(package.steps, size) for size in range(1, 6))
    return [steps for of_size in sets for steps in of_size if independent(steps)]


REPOSITORY = ("--repo-url", "git@example.org:me/fashion.git")


@pytest.mark.parametrize("flags", [(), REPOSITORY, STAGE, (*STAGE, *REPOSITORY)])
def test_all_steps_that_run_at_once_fit_on_a_small_node(
    compiled: Callable[..., Documents], flags: tuple[str, ...]
) -> None:
    package = compiled(*flags)
    for kind, free in (("Cpu", CORES), ("Memory", MEMORY)):
        sums = {
            steps: sum(amount(resources(package, step)[f"resource{kind}Request"]) for step in steps)
            for steps in at_once(package)
        }
        largest = max(sums, key=lambda steps: sums[steps])
        assert sums[largest] + DRIVER[kind] <= free, largest


def test_a_request_is_more_than_was_measured_and_a_limit_leaves_room(
    package: Documents, compiled: Callable[..., Documents]
) -> None:
    packages = by_step(package, compiled(*STAGE))
    assert set(MEASURED) == set(packages)
    for step, measured in MEASURED.items():
        asked = resources(packages[step], step)
        assert amount(asked["resourceMemoryRequest"]) > measured * MIB
        assert amount(asked["resourceMemoryLimit"]) > 3 * measured * MIB


def test_the_page_says_what_each_step_asks_for(package: Documents, compiled: Callable[..., Documents]) -> None:
    page = (ROOT / "docs" / "kubeflow.md").read_text(encoding="utf-8")
    table = page.partition("Without settings, a step asks for")[2].partition("So all steps")[0]
    rows = re.findall(r"^\| ([a-z, -]+) \| (\S+), at most (\S+) \| (\S+), at most (\S+) \|$", table, re.MULTILINE)
    said = {step: tuple(values) for steps, *values in rows for step in steps.split(", ")}
    for step, made in by_step(package, compiled(*STAGE)).items():
        asked = resources(made, step)
        values = [asked[f"resource{kind}"] for kind in ("CpuRequest", "CpuLimit", "MemoryRequest", "MemoryLimit")]
        assert tuple(values) == said.get(step, said["all others"]), step
