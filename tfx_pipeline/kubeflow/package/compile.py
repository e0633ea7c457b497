"""Makes the package out of the configuration."""

from pathlib import Path

from tfx_pipeline.beam.options import beam_options, workers_of
from tfx_pipeline.config.git_remote import is_commit
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.config.sections import Config, require_found_anywhere
from tfx_pipeline.kubeflow.package.dag_runner import KubeflowDagRunner, Package, write
from tfx_pipeline.kubeflow.package.run_parameters import RunParameters
from tfx_pipeline.kubeflow.step_settings import DATA_MOUNT, check_serving_place, serving_uri, settings_of
from tfx_pipeline.pipeline import create_pipeline, require_search_space
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import require_no_pattern
from tfx_pipeline.record import checkpoints
from tfx_pipeline.steps.source_checkout import GitRepository
from tfx_pipeline.steps.table import STEPS, TRAINER, TUNER


def compile_package(config: Config) -> Package:
    """Compiles the pipeline with the configured values as defaults of its run parameters.

    Raises:
        UserError: The backend would reject it.
    """
    check_serving_place(config.kubeflow)
    _check_beam_workers(config)
    for step in (TRAINER, TUNER):
        checkpoints.check_place(settings_of(step.name, config.kubeflow).env.get(checkpoints.CHECKPOINTS_VARIABLE, ""))
    repository = _repository(config.kubeflow)
    if not repository:
        require_search_space(config)
    config = _with_device(_with_data_place(config))
    serving = config.kubeflow.model_copy(update={"serving_dir": serving_uri(config.kubeflow)})
    pipeline = create_pipeline(
        config,
        # Kubeflow gives each run its own root; a package has no place for one.
        pipeline_root="",
        serving_dir=RunParameters(serving).serving_dir,
        parameters=RunParameters,
        repository=repository,
        beam_args=beam_options(config.run.beam_args, config.beam),
    )
    return KubeflowDagRunner(config.kubeflow).run(pipeline)


def _repository(config: KubeflowConfig) -> GitRepository | None:
    if config.repo_url is None:
        for name in sorted(config.model_fields_set & {"repo_ref", "repo_ssh_secret", "repo_token_secret"}):
            raise UserError(f"kubeflow.{name}: says nothing without a repository; give one with --repo-url")
        return None
    parameters = RunParameters(config)
    # A full commit stays fixed: the step is cached then, which it must not be when a run names a branch in its place.
    ref = config.repo_ref if is_commit(config.repo_ref) else parameters.repo_ref
    return GitRepository(parameters.repo_url, ref, config.repo_ssh_secret, config.repo_token_secret or "")


def write_package(config: Config, path: Path) -> Package:
    """Compiles the pipeline, writes the package to a ``.yaml`` file and returns it.

    Raises:
        UserError: The backend would reject the package, or the file cannot be written.
    """
    package = compile_package(config)
    write(package, path)
    return package


def _check_beam_workers(config: Config) -> None:
    """Refuses workers that would not see the files of a step: those of its pod are no other machine's."""
    workers, claim = workers_of(beam_options(config.run.beam_args, config.beam)), config.kubeflow.beam_pvc
    if workers == "dataflow":
        raise UserError(
            "--beam-args: the workers of Dataflow see neither the pod of a step on Kubeflow nor a claim; give another "
            "runner, or none: Beam runs inside the step then"
        )
    if workers == "remote" and not claim:
        raise UserError(
            "--beam-args: the runner's workers see nothing of the pod of a step on Kubeflow; name a claim that both "
            "mount with --beam-pvc, since no object store does in its place (docs/scaling.md says why)"
        )
    if claim and workers == "own":
        raise UserError(
            f"--beam-pvc {claim}: is for Beam's remote workers, and Beam runs inside the steps; name a runner, or "
            "leave it out"
        )
    if claim:
        _check_beam_mount(config.kubeflow, claim)


def _check_beam_mount(config: KubeflowConfig, claim: str) -> None:
    place = config.beam_mount
    require_no_pattern(place, "kubeflow.beam_mount")
    for step in sorted(step.name for step in STEPS if step.beam):
        mounted = settings_of(step, config).pvc_mounts.get(place)
        if mounted != claim:
            raise UserError(
                f"--beam-pvc {claim}: {step} mounts {mounted} at {place}; choose another path with "
                "--set kubeflow.beam_mount=PATH"
            )


def _with_device(config: Config) -> Config:
    """Makes what trains fail without the GPUs that it asks for, unless the configuration names a device."""
    steps = (TRAINER, TUNER) if config.tuning.trials else (TRAINER,)
    gpus = [settings_of(step.name, config.kubeflow).gpus for step in steps]
    if "device" in config.training.model_fields_set or not all(gpus):
        return config
    return config.model_copy(update={"training": config.training.model_copy(update={"device": "gpu"})})


def _with_data_place(config: Config) -> Config:
    folder = config.data.data_dir
    require_found_anywhere(folder, f"--data-dir {folder}")
    if folder or not config.kubeflow.data_pvc:
        return config
    data = config.data.model_copy(update={"data_source": "idx", "data_dir": DATA_MOUNT})
    return config.model_copy(update={"data": data})
