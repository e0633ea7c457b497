"""What each step asks Kubernetes for: its defaults, what the configuration says of all steps, then of this one."""

from collections.abc import Collection
from typing import Any, Final

from modules.dataset import DATASET
from tfx_pipeline.config.git_remote import is_commit
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.step.shared_claim import MOUNT_VARIABLE
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps import notifier, source_checkout

SERVING_MOUNT: Final = "/serving"
DATA_MOUNT: Final = "/data"
STOCK_SERVING_URI: Final = f"minio://mlpipeline/shared/{DATASET.name}/serving"
"""In the bucket that Kubeflow Pipelines comes with, where its policy lets every profile read and write; each data set
has a place of its own, so that no model becomes the baseline of another's."""

GPU_STEPS: Final = ("trainer", "tuner")
"""What trains; the tuner has the settings of the trainer unless it has some of its own."""
BEAM_WORKER: Final = "beam-worker"
"""No step, but a container that has settings as steps have them: where Beam's steps run on a cluster of
`tfx_pipeline.kubeflow.manifests.flink`."""

BEAM_STEPS: Final = frozenset({"example-gen", "statistics-gen", "data-gate", "transform", "evaluator"})
DATA_STEPS: Final = frozenset({"example-gen"})
SERVING_STEPS: Final = frozenset({"baseline-locator", "pusher"})
TENSORBOARD: Final = "tensorboard"
"""No step, but a pod that has settings as steps have them: the TensorBoard of `tfx_pipeline.kubeflow.manifests`."""

# A request is what a step needs to work, above what was measured on 60,000 images (with file cache: light steps 315,
# those with TensorFlow 951, the trainer 977 MiB); a limit is what it may use where a node has it.
_LIGHT: Final = {"cpu_request": "100m", "cpu_limit": "2", "memory_request": "512Mi", "memory_limit": "3Gi"}
_TFX: Final = {"cpu_request": "500m", "cpu_limit": "4", "memory_request": "1Gi", "memory_limit": "6Gi"}
_SERVER: Final = {"cpu_request": "100m", "cpu_limit": "2", "memory_request": "256Mi", "memory_limit": "2Gi"}
_TRAINING: Final = {"cpu_request": "1", "cpu_limit": "8", "memory_request": "1536Mi", "memory_limit": "8Gi"}

STEP_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "example-gen": _TFX,
    "statistics-gen": _TFX,
    "example-validator": _TFX,
    # Checking the same data again finds the same.
    "data-gate": {**_TFX, "retries": 0},
    "transform": _TFX,
    "tuner": _TRAINING,
    "trainer": _TRAINING,
    "evaluator": _TFX,
    "evaluation-review": _TFX,
    TENSORBOARD: _SERVER,
    BEAM_WORKER: _TFX,
    # The run does not end before it: without a node or an image, it is given up.
    notifier.STEP: {"retries": 0, "active_deadline": 600},
}
"""What is particular to a step; a step without resources of its own has those of a light one."""


def serving_uri(config: KubeflowConfig) -> str:
    """Where models are pushed: what is configured, else the claim's mount, else Kubeflow's own object store."""
    return config.serving_uri or (SERVING_MOUNT if config.serving_pvc else STOCK_SERVING_URI)


def settings_of(step: str, config: KubeflowConfig, uncached: Collection[str] = ()) -> StepSettings:
    """Merges the settings of one step.

    Args:
        step: The step's id.
        config: The configuration.
        uncached: Steps that run each time, whatever the configuration says of all steps.

    Returns:
        The settings in force; where several name the same label, variable or mount, the most particular wins.
    """
    common = _explicit(config)
    owners = [step] if step not in GPU_STEPS else GPU_STEPS[: GPU_STEPS.index(step) + 1]
    own = [_explicit(config.steps[owner]) for owner in owners if owner in config.steps]
    if step not in GPU_STEPS:
        common.pop("gpus", None)
    if step in uncached or _is_moving_source(step, config):
        common["cache"] = False
    merged: dict[str, Any] = dict(_LIGHT)
    for layer in (STEP_DEFAULTS.get(step, {}), _access_settings(step, config), common, *own):
        merged |= {name: _merged_value(merged.get(name), value) for name, value in layer.items()}
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
    for step in () if object_store.handles(uri) else sorted(SERVING_STEPS):
        mounts = settings_of(step, config).pvc_mounts
        if not any(f"{uri}/".startswith(f"{mount.rstrip('/')}/") for mount in mounts):
            given = f"--param serving_dir={uri}" if place else f"--serving-uri {uri}"
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


def _is_moving_source(step: str, config: KubeflowConfig) -> bool:
    """Whether a step checks out what may be another commit tomorrow."""
    return step == source_checkout.STEP and not is_commit(config.repo_ref)


def _merged_value(old: Any, new: Any) -> Any:
    return {**(old or {}), **new} if isinstance(new, dict) else new


def _explicit(settings: StepSettings) -> dict[str, Any]:
    names = settings.model_fields_set & StepSettings.model_fields.keys()
    return {name: getattr(settings, name) for name in sorted(names)}


def _access_settings(step: str, config: KubeflowConfig) -> dict[str, Any]:
    """What a step needs to read or write outside the run: mounts, and the way to Kubeflow's object store."""
    if step == source_checkout.STEP:
        return {"secret_files": _repository_secrets(config)}
    if step == notifier.STEP:
        # Without the Secret, the pod would wait for ever; the step says what is missing.
        return {"secret_files": {notifier.SECRET_MOUNT: f"{config.notify_secret}?"}}
    mounts, env = {}, {}
    if step in BEAM_STEPS | {BEAM_WORKER} and config.beam_pvc:
        mounts[config.beam_mount] = config.beam_pvc
        env[MOUNT_VARIABLE] = config.beam_mount
    if step in SERVING_STEPS and config.serving_pvc:
        mounts[SERVING_MOUNT] = config.serving_pvc
    if step in DATA_STEPS and config.data_pvc:
        mounts[DATA_MOUNT] = config.data_pvc
    if step not in SERVING_STEPS | DATA_STEPS | {TENSORBOARD}:
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
