"""What each step asks Kubernetes for: its defaults, what the configuration says of all steps, then of this one."""

from typing import Any, Final

from modules.dataset import DATASET
from tfx_pipeline.config.git_remote import is_commit
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.step.shared_claim import MOUNT_VARIABLE
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps import source_checkout, table, webhook
from tfx_pipeline.steps.table import Step, step_named

SERVING_MOUNT: Final = "/serving"
DATA_MOUNT: Final = "/data"
STOCK_SERVING_URI: Final = f"minio://mlpipeline/shared/{DATASET.name}/serving"
"""In the bucket that Kubeflow Pipelines comes with, where its policy lets every profile read and write; each data set
has a place of its own, so that no model becomes the baseline of another's."""


def serving_uri(config: KubeflowConfig) -> str:
    """Where models are pushed: what is configured, else the claim's mount, else Kubeflow's own object store."""
    return config.serving_dir or (SERVING_MOUNT if config.serving_pvc else STOCK_SERVING_URI)


def settings_of(name: str, config: KubeflowConfig) -> StepSettings:
    """The settings of a step in force; where several name the same label or mount, the most particular wins."""
    step = step_named(name)
    common = _explicit(config)
    own = [_explicit(config.steps[owner]) for owner in (step.settings_like, name) if owner in config.steps]
    if not step.gpu:
        common.pop("gpus", None)
    if not step.cached or _is_moving_source(step, config):
        common["cache"] = False
    merged: dict[str, Any] = {}
    for layer in (step.settings, _access_settings(step, config), common, *own):
        merged |= {setting: _merged_value(merged.get(setting), value) for setting, value in layer.items()}
    return StepSettings(**merged)


def check_serving_place(config: KubeflowConfig, place: str = "") -> None:
    """Refuses a path that does not outlive the pod that pushes to it.

    Args:
        config: The configuration.
        place: The run parameter ``serving_dir``; "" where a run takes the configured place.

    Raises:
        UserError: A step that uses it mounts no volume there.
    """
    uri = place or serving_uri(config)
    steps = () if object_store.handles(uri) else sorted(step.name for step in table.STEPS if step.serving)
    for step in steps:
        mounts = settings_of(step, config).pvc_mounts
        if not any(f"{uri}/".startswith(f"{mount.rstrip('/')}/") for mount in mounts):
            given = f"--param serving_dir={uri}" if place else f"--serving-dir {uri}"
            raise UserError(
                f"{given}: {step} mounts no volume there, and what it pushed would be gone with its pod; mount one "
                "with --serving-pvc"
            )


def root_warnings(config: KubeflowConfig) -> list[str]:
    """Warns, in a line each, of settings that start steps as root."""
    sections = {"kubeflow": config, **{f"kubeflow.steps.{step}": own for step, own in sorted(config.steps.items())}}
    return [
        f"{name}.run_as_user=0: a namespace with the Pod Security Standard restricted does not start a step as root"
        for name, section in sections.items()
        if section.run_as_user == 0
    ]


def _is_moving_source(step: Step, config: KubeflowConfig) -> bool:
    """Whether a step checks out what may be another commit tomorrow."""
    return step is table.SOURCE_CHECKOUT and not is_commit(config.repo_ref)


def _merged_value(old: Any, new: Any) -> Any:
    return {**(old or {}), **new} if isinstance(new, dict) else new


def _explicit(settings: StepSettings) -> dict[str, Any]:
    names = settings.model_fields_set & StepSettings.model_fields.keys()
    return {name: getattr(settings, name) for name in sorted(names)}


def _access_settings(step: Step, config: KubeflowConfig) -> dict[str, Any]:
    """What a step needs to read or write outside the run: mounts, and the way to Kubeflow's object store."""
    if step is table.SOURCE_CHECKOUT:
        return {"secret_files": _repository_secrets(config)}
    if step is table.NOTIFIER:
        # Without the Secret, the pod would wait for ever; the step says what is missing.
        return {"secret_files": {webhook.SECRET_MOUNT: f"{config.notify_secret}?"}}
    mounts, env = {}, {}
    if step.beam and config.beam_pvc:
        mounts[config.beam_mount] = config.beam_pvc
        env[MOUNT_VARIABLE] = config.beam_mount
    if step.serving and config.serving_pvc:
        mounts[SERVING_MOUNT] = config.serving_pvc
    if step.reads_data and config.data_pvc:
        mounts[DATA_MOUNT] = config.data_pvc
    if not step.object_store:
        return {"pvc_mounts": mounts, "env": env}
    secret = config.minio_secret
    return {
        "pvc_mounts": mounts,
        "env": {**env, "MINIO_ENDPOINT": config.minio_endpoint.rstrip("/")},
        # A location of another kind can be given when a run is started, so a pod starts without this Secret too.
        "secret_env": {"MINIO_ACCESS_KEY": f"{secret}/accesskey?", "MINIO_SECRET_KEY": f"{secret}/secretkey?"},
    }


def _repository_secrets(config: KubeflowConfig) -> dict[str, str]:
    # Without the Secret, a pod would wait for ever and say nothing; the step says what is missing.
    secrets = {source_checkout.SSH_MOUNT: f"{config.repo_ssh_secret}?"}
    if config.repo_token_secret:
        secrets[source_checkout.TOKEN_MOUNT] = f"{config.repo_token_secret}?"
    return secrets
