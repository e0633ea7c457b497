"""What the pod of a stage asks Kubernetes for: the most demanding of what its members ask for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tfx_pipeline.config.kubeflow import GREATEST, KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.package.pipeline_spec import retry_waits
from tfx_pipeline.kubeflow.pod import amount
from tfx_pipeline.kubeflow.step.supervisor import WAITS
from tfx_pipeline.process.errors import UserError

MEMORY: Final = "1536Mi"
"""The request where nobody names one: members in one process keep what each of them loads. Measured on 60,000 images:
data 946 MiB, judgement 1029."""


def _union(values: Sequence[list[str]]) -> list[str]:
    return list(dict.fromkeys(item for value in values for item in value))


def _largest(values: Sequence[str | None]) -> str | None:
    return max((value for value in values if value), key=amount, default=None)


_MERGED: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("cpu_request", "cpu_limit", "memory_request", "memory_limit", "shared_memory"), _largest),
    **dict.fromkeys(("gpus", "retry_backoff", "retry_backoff_factor", "retry_window"), max),
    **dict.fromkeys(("image_pull_secrets", "tolerations"), _union),
    # The members run one after the other.
    "active_deadline": lambda seconds: min(sum(seconds), GREATEST),
    # The server repeats all members, and so only as often as each of them may be.
    "retries": min,
    "workspace": any,
    "cache": all,
    "run_as_non_root": all,
}
"""How the values of the members become the stage's; of any other setting, one that a member has for itself counts."""


def stage_settings(stage: str, members: Mapping[str, StepSettings], config: KubeflowConfig) -> StepSettings:
    """Merges the settings of the members of a stage.

    Args:
        stage: Its name.
        members: The settings in force of each member.
        config: The configuration, with what all steps have.

    Returns:
        The settings of the stage's pod.

    Raises:
        UserError: Two members ask for what one pod cannot be.
    """
    merged: dict[str, Any] = {}
    for name in StepSettings.model_fields:
        values = {member: getattr(settings, name) for member, settings in members.items()}
        common = getattr(config, name)
        if name in _MERGED:
            merged[name] = _MERGED[name](list(values.values()))
        elif isinstance(common, dict):
            merged[name] = _joined(stage, name, values, common)
        else:
            merged[name] = _only(stage, name, values, common)
    given = (config, *(config.steps[member] for member in members if member in config.steps))
    if not any("memory_request" in settings.model_fields_set for settings in given):
        merged["memory_request"] = _largest([merged["memory_request"], MEMORY])
    most = max(members.values(), key=lambda settings: settings.retries)
    if most.retries:
        # In the pod, the member that failed is tried again, and none before it.
        merged["env"] = {WAITS: retry_waits(most), **merged["env"]}
    return StepSettings(**merged)


def _joined(
    stage: str, name: str, values: Mapping[str, Mapping[str, str]], common: Mapping[str, str]
) -> dict[str, str]:
    keys = dict.fromkeys(key for value in values.values() for key in value)
    return {
        key: _only(
            stage, f"{name}.{key}", {m: value[key] for m, value in values.items() if key in value}, common.get(key)
        )
        for key in keys
    }


def _only(stage: str, name: str, values: Mapping[str, Any], common: Any) -> Any:
    """The value that some members have for themselves, else the one of all."""
    own = {member: value for member, value in values.items() if value != common}
    if not own:
        return common
    (first, value), *others = own.items()
    for other, different in others:
        if different != value:
            raise UserError(
                f"kubeflow.steps.{other}.{name}={different}: {first} has {value}, and both run in the pod of {stage}; "
                "give both the same, or each a pod of its own with --set kubeflow.pods=component"
            )
    return value
