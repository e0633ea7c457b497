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
    items = ("kubeflow.labels=stage=test", "kubeflow.tolerations=spot", "kubeflow.steps.trainer.gpus=4")
    flags = [word for item in items for word in ("--set", item)]
    kubeflow = read_config("--config", str(toml), "--image", "other:2", *flags).kubeflow
    assert kubeflow.image == "other:2"
    assert kubeflow.labels == {"team": "ml", "stage": "test"}
    assert kubeflow.tolerations == ["spot"]
    assert (kubeflow.steps["trainer"].gpus, kubeflow.steps["trainer"].memory_limit) == (4, "16Gi")


def test_a_flag_that_holds_several_can_be_repeated_or_hold_them_at_once() -> None:
    repeated = read_config("--set", "kubeflow.env=A=1", "--set", "kubeflow.env=B=x y=z").kubeflow
    at_once = read_config("--set", "kubeflow.env=A=1 'B=x y=z'").kubeflow
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
        (["--set", "kubeflow.env=ssd"], "--set kubeflow.env=ssd: expected NAME=VALUE"),
        (["--set", "kubeflow.secret_env=TOKEN=secret"], "--set kubeflow.secret_env=TOKEN=secret: got 'secret'"),
        (["--set", "kubeflow.pvc_mounts=models=/models"], "--set kubeflow.pvc_mounts=models=/models: got"),
        (["--image", ""], "expected the name of an image"),
        (["--memory-limit", "8Gi"], "--memory-limit: unknown flag, expected --set kubeflow.memory_limit=VALUE"),
        (["--pvc-mount", "/a=b"], "--pvc-mount: unknown flag, expected --set kubeflow.pvc_mounts=VALUE"),
        (["--data-version", "2"], "--data-version: unknown flag, expected --set data.data_version=VALUE"),
    ],
)
def test_a_mistake_in_a_flag_is_one_line(flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_config(*flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("kubeflow.node_selector=ssd", "expected NAME=VALUE"),
        ("kubeflow.tolerations=gpu:Never", "got 'gpu:Never'"),
        ("kubeflow.cpu_request=half", "got 'half'"),
        ("kubeflow.active_deadline=-1", "expected greater than or equal to 0"),
        ("kubeflow.active_deadline=2147483648", "expected less than or equal to 2147483647"),
        ("kubeflow.gpu_type=gpu", "expected a resource's name, such as nvidia.com/gpu"),
        ("kubeflow.workspace_size=0.0Gi", "expected a size above 0, such as 4Gi"),
        ("kubeflow.cpu_limit=1234567890123", "expected a quantity of Kubernetes"),
        ("kubeflow.image=fashion:1.0$(x)", "expected the name of an image"),
        ("kubeflow.env=A=b\0", "expected text without a null character"),
        ("kubeflow.steps.trainer", "expected SECTION.KEY=VALUE"),
        ("kubeflow.steps.trainer=1", "expected one of kubeflow.steps.trainer.image, "),
        ("kubeflow.steps.trainer.gpu=1", "unknown setting kubeflow.steps.trainer.gpu, did you mean gpus?"),
        ("kubeflow.steps.trainer.gpus=one", "got 'one', expected a valid integer"),
        ("kubeflow.steps.trainer.labels=x", "expected NAME=VALUE"),
        ("kubeflow.gpus.x=1", "kubeflow.gpus has no entries by name, expected kubeflow.gpus=VALUE"),
        ("kubeflo.gpus=1", "unknown setting kubeflo, did you mean kubeflow?"),
        ("gpus=1", "unknown setting gpus, expected one of kubeflow.gpus"),
    ],
)
def test_a_mistake_in_an_item_of_set_is_one_line(item: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_config("--set", item)
    assert str(error.value).startswith(f"--set {item}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_set_takes_entries_by_name_and_several_values() -> None:
    items = (
        "kubeflow.node_selector.cloud.google.com/gke-accelerator=nvidia-l4",
        "kubeflow.node_selector=disk=ssd",
        "kubeflow.steps.trainer.pvc-mounts./checkpoints=trainings",
        "kubeflow.steps.trainer.env.WORDS=two words",
        "kubeflow.tolerations=spot",
        "kubeflow.tolerations=gpu:NoSchedule preemptible",
        "kubeflow.cache=false",
    )
    kubeflow = read_config(*(word for item in items for word in ("--set", item))).kubeflow
    assert kubeflow.node_selector == {"cloud.google.com/gke-accelerator": "nvidia-l4", "disk": "ssd"}
    assert kubeflow.steps["trainer"].pvc_mounts == {"/checkpoints": "trainings"}
    assert kubeflow.steps["trainer"].env == {"WORDS": "two words"}
    assert kubeflow.tolerations == ["spot", "gpu:NoSchedule", "preemptible"]
    assert kubeflow.cache is False
