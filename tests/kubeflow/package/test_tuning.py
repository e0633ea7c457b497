"""The package with a search for hyperparameters: a pod of its own that has what the trainer's has."""

from collections.abc import Callable

import pytest

from tests.kubeflow.conftest import Documents, read_config
from tfx_pipeline.kubeflow.package.compile import compile_package
from tfx_pipeline.kubeflow.step_settings import settings_of
from tfx_pipeline.process.errors import UserError

TRAINERS = (
    *("--set", "kubeflow.steps.trainer.gpus=1", "--set", "kubeflow.steps.trainer.node_selector=pool=gpu"),
    *("--set", "kubeflow.steps.trainer.pvc_mounts./checkpoints=trainings", "--set", "kubeflow.steps.trainer.retries=5"),
)


@pytest.fixture(scope="module")
def tuned(compiled: Callable[..., Documents]) -> Documents:
    return compiled("--tune", "5", "--gpus", "2", "--set", "kubeflow.pods=stage")


def test_without_a_search_there_is_no_tuner(package: Documents) -> None:
    assert "tuner" not in package.steps
    assert "trials" not in package.parameters
    assert "hyperparameters" not in package.task("trainer")["inputs"]["artifacts"]


def test_the_tuner_stands_between_the_data_and_the_trainer_in_a_pod_of_its_own(tuned: Documents) -> None:
    assert tuned.steps == ["baseline-locator", "data", "judgement", "trainer", "tuner"]
    assert tuned.task("tuner")["dependentTasks"] == ["baseline-locator", "data"]
    assert tuned.task("trainer")["dependentTasks"] == ["tuner"]
    made = {"producerTask": "tuner", "outputArtifactKey": "best_hyperparameters"}
    assert tuned.task("trainer")["inputs"]["artifacts"]["hyperparameters"] == {"taskOutputArtifact": made}
    results = {"producerTask": "tuner", "outputArtifactKey": "tuner_results"}
    assert tuned.task("judgement")["inputs"]["artifacts"]["tuner_results"] == {"taskOutputArtifact": results}


def test_the_number_of_trials_and_the_hyperparameters_are_run_parameters(tuned: Documents) -> None:
    assert tuned.parameters["trials"]["defaultValue"] == 5
    given = tuned.task("tuner")["inputs"]["parameters"]
    assert given["trials"] == {"componentInputParameter": "trials"}
    trainers = tuned.task("trainer")["inputs"]["parameters"]
    assert {name: value for name, value in given.items() if name in trainers} == {
        name: value for name, value in trainers.items() if name != "run_fn"
    }


def test_the_tuner_has_the_gpus_resources_and_device_of_the_trainer(tuned: Documents) -> None:
    assert tuned.container("tuner")["resources"] == tuned.container("trainer")["resources"]
    assert tuned.container("tuner")["resources"]["accelerator"]["resourceCount"] == "2"
    assert tuned.parameters["device"]["defaultValue"] == "gpu"


def test_what_is_set_for_the_trainer_holds_for_the_tuner_unless_it_has_its_own() -> None:
    kubeflow = read_config(*TRAINERS).kubeflow
    assert settings_of("tuner", kubeflow) == settings_of("trainer", kubeflow)
    own = read_config(*TRAINERS, "--set", "kubeflow.steps.tuner.gpus=4").kubeflow
    assert (settings_of("tuner", own).gpus, settings_of("trainer", own).gpus) == (4, 1)
    assert settings_of("tuner", own).node_selector == {"pool": "gpu"}


def test_a_tuner_without_the_trainers_gpus_is_not_told_to_have_them() -> None:
    flags = ("--tune", "2", "--gpus", "1", "--set", "kubeflow.steps.tuner.gpus=0")
    parameters = compile_package(read_config(*flags)).spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["device"]["defaultValue"] == "auto"


def test_settings_for_a_tuner_that_is_not_there_are_refused() -> None:
    with pytest.raises(UserError, match=r"^step tuner: has settings but is no step"):
        compile_package(read_config("--set", "kubeflow.steps.tuner.gpus=1"))


def test_a_search_with_nothing_to_vary_is_refused() -> None:
    flags = ("--tune", "2", "--batch-size", "64", "--learning-rate", "0.1")
    with pytest.raises(UserError, match=r"^there is nothing to tune: "):
        compile_package(read_config(*flags))


def test_with_a_repository_its_own_files_say_what_there_is_to_vary(compiled: Callable[..., Documents]) -> None:
    flags = ("--batch-size", "64", "--learning-rate", "0.1", "--repo-url", "https://git.example.org/modules.git")
    package = compiled("--tune", "2", *flags)
    assert "source" in package.task("tuner")["inputs"]["artifacts"]
