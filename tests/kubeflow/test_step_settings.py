"""Settings of a step: its own win over those of all steps, and those over its defaults."""

from tests.kubeflow.conftest import read_config
from tfx_pipeline.config.kubeflow import StepSettings
from tfx_pipeline.kubeflow.step_settings import serving_uri, settings_of


def settings(step: str, *flags: str) -> StepSettings:
    return settings_of(step, read_config(*flags).kubeflow)


def test_without_settings_a_step_has_its_defaults() -> None:
    assert settings("trainer").memory_limit == "8Gi"
    assert settings("pusher").memory_limit == "3Gi"
    assert settings("a-step-of-your-own").memory_limit == "3Gi"


def test_a_setting_for_all_steps_wins_over_the_defaults_of_each() -> None:
    assert settings("trainer", "--set", "kubeflow.memory_limit=16Gi").memory_limit == "16Gi"
    assert settings("pusher", "--set", "kubeflow.memory_limit=16Gi").memory_limit == "16Gi"


def test_a_setting_for_one_step_wins_over_that_for_all() -> None:
    flags = ("--set", "kubeflow.memory_limit=16Gi", "--set", "kubeflow.steps.trainer.memory-limit=32Gi")
    assert settings("trainer", *flags).memory_limit == "32Gi"
    assert settings("pusher", *flags).memory_limit == "16Gi"


def test_labels_and_variables_of_all_steps_and_of_one_are_joined() -> None:
    flags = (
        "--set",
        "kubeflow.labels=team=ml",
        "--set",
        "kubeflow.labels=stage=test",
        "--set",
        "kubeflow.steps.trainer.labels=stage=prod",
    )
    assert settings("trainer", *flags).labels == {"team": "ml", "stage": "prod"}
    assert settings("pusher", *flags).labels == {"team": "ml", "stage": "test"}


def test_gpus_for_all_steps_are_the_trainers_and_another_step_gets_them_by_its_id() -> None:
    assert settings("trainer", "--gpus", "1").gpus == 1
    assert settings("evaluator", "--gpus", "1").gpus == 0
    assert settings("evaluator", "--set", "kubeflow.steps.evaluator.gpus=1").gpus == 1


def test_what_looks_outside_the_run_is_not_cached_unless_it_is_asked_for_by_its_id() -> None:
    assert not settings("baseline-locator").cache
    assert settings("baseline-locator", "--set", "kubeflow.steps.baseline-locator.cache=true").cache
    assert settings("trainer").cache


def test_own_credentials_take_the_place_of_the_stock_ones() -> None:
    flags = ("--set", "kubeflow.secret_env=MINIO_ACCESS_KEY=mine/id MINIO_SECRET_KEY=mine/key")
    assert settings("pusher", *flags).secret_env == {"MINIO_ACCESS_KEY": "mine/id", "MINIO_SECRET_KEY": "mine/key"}
    assert settings("pusher", "--set", "kubeflow.minio_secret=s").secret_env["MINIO_ACCESS_KEY"] == "s/accesskey?"


def test_models_go_to_the_claim_where_there_is_one_else_to_kubeflows_own_store() -> None:
    assert serving_uri(read_config().kubeflow) == "minio://mlpipeline/shared/fashion-mnist/serving"
    assert serving_uri(read_config("--serving-pvc", "models").kubeflow) == "/serving"
    assert serving_uri(read_config("--serving-dir", "gs://bucket/x").kubeflow) == "gs://bucket/x"
