"""Settings for Kubernetes in a TOML file and as flags; every mistake is one line that names the value."""

from pathlib import Path

import pytest

from tests.kubeflow.conftest import read_config
from tfx_pipeline.process.errors import UserError

TOML = """
[kubeflow]
image = "registry.example.org/fashion:1"
tolerations = ["gpu:NoSchedule"]
labels = { team = "ml" }

[kubeflow.pvc_mounts]
"/models" = "zoo"

[kubeflow.steps.trainer]
gpus = 1
memory_limit = "16Gi"
secret_env = { API_TOKEN = "api/token" }

[kubeflow.steps.data-gate]
retries = 1
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(TOML)
    return path


def test_a_file_holds_settings_for_all_steps_and_for_one(toml: Path) -> None:
    kubeflow = read_config("--config", str(toml)).kubeflow
    assert kubeflow.image == "registry.example.org/fashion:1"
    assert kubeflow.pvc_mounts == {"/models": "zoo"}
    assert (kubeflow.steps["trainer"].gpus, kubeflow.steps["trainer"].memory_limit) == (1, "16Gi")
    assert kubeflow.steps["data-gate"].retries == 1


def test_flags_win_over_the_file_and_names_join_it(toml: Path) -> None:
    flags = ("--image", "other:2", "--label", "stage=test", "--toleration", "spot", "--step", "trainer.gpus=4")
    kubeflow = read_config("--config", str(toml), *flags).kubeflow
    assert kubeflow.image == "other:2"
    assert kubeflow.labels == {"team": "ml", "stage": "test"}
    assert kubeflow.tolerations == ["spot"]
    assert (kubeflow.steps["trainer"].gpus, kubeflow.steps["trainer"].memory_limit) == (4, "16Gi")


def test_a_flag_that_holds_several_can_be_repeated_or_hold_them_at_once() -> None:
    repeated = read_config("--env", "A=1", "--env", "B=x y=z").kubeflow
    at_once = read_config("--env", "A=1 'B=x y=z'").kubeflow
    assert at_once.env == {"A": "1", "B": "x y=z"}
    assert repeated.env != at_once.env


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[kubeflow]\nimages = 'x'", "kubeflow.images: unknown key, did you mean image?"),
        ("[kubeflow.steps.trainer]\ngpu = 1", "kubeflow.steps.trainer.gpu: unknown key, did you mean gpus?"),
        ("[kubeflow.steps.trainer]\nsteps = {}", "kubeflow.steps.trainer.steps: unknown key"),
        ("[kubeflow]\ngpus = '1'", "kubeflow.gpus: got '1', expected a valid integer"),
        (
            "[kubeflow]\nmemory_limit = '8 GB'",
            "kubeflow.memory_limit: got '8 GB', expected a quantity of Kubernetes, such as 500m, 2 or 4Gi",
        ),
        ("[kubeflow]\nimage_pull_policy = 'Sometimes'", "expected 'IfNotPresent', 'Always' or 'Never'"),
        ("[kubeflow]\nminio_endpoint = 'minio:9000'", "kubeflow.minio_endpoint: got 'minio:9000'"),
        ("[kubeflow]\nserving_pvc = 'My_Claim'", "kubeflow.serving_pvc: got 'My_Claim', expected a name of Kubernetes"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read_config("--config", str(path))
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--node-selector", "ssd"], "--node-selector ssd: expected NAME=VALUE"),
        (["--toleration", "gpu:Never"], "--toleration gpu:Never: got 'gpu:Never'"),
        (["--secret-env", "TOKEN=secret"], "--secret-env TOKEN=secret: got 'secret'"),
        (["--pvc-mount", "models=/models"], "--pvc-mount models=/models: got"),
        (["--cpu-request", "half"], "--cpu-request half: got 'half'"),
        (["--image", ""], "expected the name of an image"),
        (["--step", "trainer"], "--step trainer: expected ID.SETTING=VALUE"),
        (["--step", "gpus=1"], "--step gpus=1: expected ID.SETTING=VALUE"),
        (["--step", "trainer.gpu=1"], "--step trainer.gpu=1: unknown setting gpu, did you mean gpus?"),
        (["--step", "trainer.gpus=one"], "--step trainer.gpus=one: got 'one', expected a valid integer"),
        (["--step", "trainer.labels=x"], "--step trainer.labels=x: expected NAME=VALUE"),
        (["--active-deadline", "-1"], "expected greater than or equal to 0"),
    ],
)
def test_a_mistake_in_a_flag_is_one_line(flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_config(*flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
