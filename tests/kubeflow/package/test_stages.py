"""Several components in one pod: what becomes one task, and that nothing of theirs is lost."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.kubeflow.conftest import COMPONENTS, Documents, read_config
from tfx_pipeline.kubeflow.package.stages import names
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import stages_of

STAGE = ("--set", "kubeflow.pods=stage")
REPOSITORY = ("--repo-url", "git@git.example.org:ml/fashion.git", "--repo-ref", "main")
DATA = {"example-gen", "schema-import", "statistics-gen", "example-validator", "data-gate", "transform"}
JUDGEMENT = {"evaluator", "evaluation-review", "pusher"}


@pytest.fixture(scope="module")
def coarse(compiled: Callable[..., Documents]) -> Documents:
    return compiled(*STAGE)


@pytest.fixture(scope="module")
def fine(compiled: Callable[..., Documents]) -> Documents:
    return compiled(*COMPONENTS)


def members(package: Documents, stage: str) -> dict[str, dict[str, Any]]:
    """The members of a stage by name, as its container is told."""
    args = package.container(stage)["args"]
    assert args[0] == "--members"
    return {member["name"]: member for member in json.loads(args[1])}


def outputs(package: Documents, step: str) -> dict[str, Any]:
    result: dict[str, Any] = package.component(step)["outputDefinitions"]["artifacts"]
    return result


def test_without_a_setting_stages_have_the_pods() -> None:
    assert read_config().kubeflow.pods == "stage"


def test_neighbours_with_the_same_needs_share_a_pod(coarse: Documents) -> None:
    assert coarse.steps == ["baseline-locator", "data", "judgement", "trainer"]
    assert set(members(coarse, "data")) == DATA
    assert set(members(coarse, "judgement")) == JUDGEMENT


def test_three_tasks_are_in_a_row(coarse: Documents) -> None:
    waits = {step: coarse.task(step).get("dependentTasks", []) for step in coarse.steps}
    assert waits == {
        "data": [], "baseline-locator": [], "trainer": ["baseline-locator", "data"], "judgement": ["trainer"],
    }  # fmt: skip


def test_every_output_is_there_with_its_name_and_type(coarse: Documents, fine: Documents) -> None:
    def made(package: Documents) -> list[tuple[str, str]]:
        return sorted((key, json.dumps(kind)) for step in package.steps for key, kind in outputs(package, step).items())

    assert made(coarse) == made(fine)


def test_run_parameters_are_the_same_and_reach_the_same_components(coarse: Documents, fine: Documents) -> None:
    assert coarse.parameters == fine.parameters
    for stage, member in itertools.chain.from_iterable(
        ((stage, member) for member in members(coarse, stage).values()) for stage in ("data", "judgement")
    ):
        given = coarse.task(stage)["inputs"]["parameters"]
        reached = {key: given[name] for key, name in member["parameters"].items()}
        assert reached == fine.task(member["name"]).get("inputs", {}).get("parameters", {}), member["name"]


def test_each_member_is_given_what_it_takes_alone(coarse: Documents, fine: Documents) -> None:
    made_by = {
        (stage, name): (member["name"], key)
        for stage in ("data", "judgement")
        for member in members(coarse, stage).values()
        for key, name in member["outputs"].items()
    }

    def producer(source: dict[str, Any]) -> tuple[str, str]:
        output = source["taskOutputArtifact"]["producerTask"], source["taskOutputArtifact"]["outputArtifactKey"]
        return made_by.get(output, output)

    for stage in ("data", "judgement"):
        given = coarse.task(stage)["inputs"].get("artifacts", {})
        for name, member in members(coarse, stage).items():
            takes = {key: producer(given[value]) for key, value in member["inputs"].items()}
            takes |= {key: made_by[stage, value] for key, value in member["made"].items()}
            alone = fine.task(name).get("inputs", {}).get("artifacts", {})
            assert takes == {key: producer(source) for key, source in alone.items()}, name


def test_an_artifact_that_several_members_read_is_fetched_once(coarse: Documents) -> None:
    taken = [json.dumps(source) for source in coarse.task("judgement")["inputs"]["artifacts"].values()]
    assert len(taken) == len(set(taken))
    assert sum("examples" in source for source in taken) == 1


def test_the_gate_comes_before_transform_and_an_end_of_the_graph_is_marked(coarse: Documents) -> None:
    order = list(members(coarse, "data"))
    assert order.index("data-gate") < order.index("transform")
    ends = {name for stage in ("data", "judgement") for name, m in members(coarse, stage).items() if m["last"]}
    assert ends == {"evaluation-review", "pusher"}


def test_a_name_that_means_two_things_says_whose_it_is() -> None:
    meanings = {("a", "report"): 1, ("b", "report"): 2, ("a", "serving_dir"): 3, ("b", "serving_dir"): 3}
    assert names(meanings) == {
        ("a", "report"): "a-report", ("b", "report"): "b-report",
        ("a", "serving_dir"): "serving_dir", ("b", "serving_dir"): "serving_dir",
    }  # fmt: skip


def test_the_arguments_are_the_same_text_each_time_because_the_cache_compares_them(coarse: Documents) -> None:
    for stage in ("data", "judgement"):
        text = coarse.container(stage)["args"][1]
        assert text == json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)


def test_what_looks_outside_the_run_keeps_no_stage_from_the_cache(coarse: Documents) -> None:
    assert [step for step in coarse.steps if not coarse.task(step)["cachingOptions"]] == ["baseline-locator"]


def test_a_member_that_is_not_cached_keeps_its_stage_from_the_cache(compiled: Callable[..., Documents]) -> None:
    package = compiled(*STAGE, "--set", "kubeflow.steps.pusher.cache=false")
    assert package.task("judgement")["cachingOptions"] == {}
    assert package.task("data")["cachingOptions"] == {"enableCache": True}


def test_the_server_never_repeats_the_gates_verdict_and_the_pod_repeats_a_crash(coarse: Documents) -> None:
    waits = {step: {v["name"]: v["value"] for v in coarse.container(step)["env"]} for step in coarse.steps}
    assert {step: values["STEP_RETRY_WAITS"] for step, values in waits.items()} == dict.fromkeys(waits, "30 60")
    assert "retryPolicy" not in coarse.task("data")
    assert coarse.task("judgement")["retryPolicy"]["maxRetryCount"] == 2


def test_without_retries_nothing_is_repeated(compiled: Callable[..., Documents]) -> None:
    package = compiled(*STAGE, "--set", "kubeflow.retries=0")
    for step in package.steps:
        assert "retryPolicy" not in package.task(step)
        assert "STEP_RETRY_WAITS" not in {v["name"] for v in package.container(step)["env"]}


def test_a_stage_asks_for_the_most_that_a_member_asks_for(compiled: Callable[..., Documents]) -> None:
    package = compiled(
        *STAGE,
        *("--set", "kubeflow.steps.evaluator.memory_request=900Mi"),
        *("--set", "kubeflow.steps.pusher.memory_request=3Gi"),
        *("--set", "kubeflow.steps.pusher.run_as_user=0"),
        *("--set", "kubeflow.steps.evaluator.labels.team=ml"),
        *("--set", "kubeflow.labels.team=all"),
        *("--set", "kubeflow.steps.evaluator.gpus=1"),
        *("--set", "kubeflow.steps.data-gate.active_deadline=60"),
        *("--set", "kubeflow.steps.example-gen.active_deadline=600"),
        *("--serving-pvc", "models"),
    )
    assert package.container("judgement")["resources"] == {
        "resourceCpuRequest": "500m", "resourceCpuLimit": "4",
        "resourceMemoryRequest": "3Gi", "resourceMemoryLimit": "6Gi",
        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"},
    }  # fmt: skip
    judgement = package.kubernetes("judgement")
    assert judgement["securityContext"] == {"runAsUser": "0"}
    assert judgement["podMetadata"]["labels"] == {"team": "ml"}
    assert [mount["mountPath"] for mount in judgement["pvcMount"]] == ["/serving"]
    assert package.kubernetes("data")["activeDeadlineSeconds"] == "660"
    assert package.kubernetes("trainer")["podMetadata"]["labels"] == {"team": "all"}


def test_without_settings_a_stage_asks_for_what_its_members_need_in_one_process(coarse: Documents) -> None:
    asked = {step: coarse.container(step)["resources"]["resourceMemoryRequest"] for step in coarse.steps}
    assert asked == {"baseline-locator": "512Mi", "data": "1536Mi", "judgement": "1536Mi", "trainer": "1536Mi"}


@pytest.mark.parametrize("step", ["", "steps.evaluator."])
def test_a_request_that_is_named_is_not_raised(step: str, compiled: Callable[..., Documents]) -> None:
    package = compiled(*STAGE, "--set", f"kubeflow.{step}memory_request=1200Mi")
    assert package.container("judgement")["resources"]["resourceMemoryRequest"] == "1200Mi"


@pytest.mark.parametrize(
    ("setting", "one", "other"),
    [("image", "a:1", "b:1"), ("env.X", "1", "2"), ("run_as_user", "0", "7"), ("node_selector.disk", "ssd", "hdd")],
)
def test_members_that_ask_for_different_pods_are_refused(
    compiled: Callable[..., Documents], setting: str, one: str, other: str
) -> None:
    flags = (
        *("--set", f"kubeflow.steps.evaluator.{setting}={one}"),
        *("--set", f"kubeflow.steps.pusher.{setting}={other}"),
    )
    with pytest.raises(
        UserError, match=r"kubeflow.steps.pusher.*: evaluator has .* pod of judgement; .*pods=component"
    ):
        compiled(*STAGE, *flags)
    assert compiled(*COMPONENTS, *flags)


def test_the_workspace_is_mounted_where_a_member_asks_for_it(compiled: Callable[..., Documents]) -> None:
    flags = ("--set", "kubeflow.workspace_size=3Gi", "--set", "kubeflow.steps.evaluator.workspace=true")
    package = compiled(*STAGE, *flags)
    assert "workspace_path" in package.task("judgement")["inputs"]["parameters"]
    assert "workspace_path" not in package.task("data")["inputs"]["parameters"]


def test_an_unknown_step_is_refused_by_the_names_of_the_components(compiled: Callable[..., Documents]) -> None:
    with pytest.raises(UserError, match=r"step judge: has settings but is no step, expected one of .*evaluator"):
        compiled(*STAGE, "--set", "kubeflow.steps.judge.retries=1")


def test_what_imports_a_checkout_shares_no_pod_with_what_imports_the_image(compiled: Callable[..., Documents]) -> None:
    package = compiled(*STAGE, *REPOSITORY)
    assert package.steps == ["baseline-locator", "data", "judgement", "source-checkout", "trainer", "transform"]
    assert package.task("data").get("dependentTasks", []) == []
    assert package.task("transform")["dependentTasks"] == ["data", "source-checkout"]
    takers = {step for step in package.steps if "source" in package.task(step)["inputs"].get("artifacts", {})}
    assert takers == {"transform", "trainer", "judgement"}
    takers = {name for name, member in members(package, "judgement").items() if "source" in member["inputs"]}
    assert takers == {"evaluator", "evaluation-review"}
    assert "secretAsVolume" not in package.kubernetes("data")


def test_the_members_are_in_an_order_in_which_they_can_run(fine: Documents) -> None:
    done: set[str] = set()
    for stage in stages_of(fine.steps).values():
        for member in stage:
            inputs = fine.task(member).get("inputs", {}).get("artifacts", {}).values()
            needed = {source["taskOutputArtifact"]["producerTask"] for source in inputs}
            assert needed & set(stage) <= done, member
            done.add(member)
