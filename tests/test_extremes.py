"""Every setting at both ends of what it allows, in the code that it is meant for: it works, or says why in one line."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types import artifact_utils, standard_artifacts

from tests import train_extremes
from tests.extremes import config_of, config_with, extremes, is_template, rows
from tests.gate.samples import Sample, profile_of
from tests.local.test_runner import Quiet
from tests.saved_model import export_classifier
from tests.small_run import Run
from tests.training import first_examples
from tfx_pipeline.beam.options import beam_options
from tfx_pipeline.components import evaluator, example_gen
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.config.flags import settings
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.data import idx, published, sources
from tfx_pipeline.gate.profile import SplitProfile
from tfx_pipeline.gate.report import judge
from tfx_pipeline.kubeflow.manifests.flink import flink_manifest
from tfx_pipeline.kubeflow.package.compile import compile_package
from tfx_pipeline.kubeflow.package.dag_runner import write
from tfx_pipeline.local.progress import Progress
from tfx_pipeline.local.runner import LocalDagRunner
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.output import new_run
from tfx_pipeline.record.output_lock import exclusive
from tfx_pipeline.serving.place import serving_place
from tfx_pipeline.steps.baseline_locator import locate_baseline


@contextlib.contextmanager
def one_line_or_none() -> Iterator[None]:
    """Lets a refusal in one line pass; whatever else is raised fails the test."""
    lines = ["no error, or one line"]
    try:
        yield
    except UserError as error:
        lines = str(error).splitlines()
    assert len(lines) == 1
    assert len(lines[0]) > 20


def named(cases: list[tuple[str, Any]]) -> list[Any]:
    """The cases with names that a person can read."""
    return [pytest.param(*case, id=f"{case[0]}-{index}") for index, case in enumerate(cases)]


CONSUMED = ("data", "data_gate", "training", "tuning", "evaluation", "serving", "run", "beam", "kubeflow")
TRAINING = extremes("training")


APART: dict[str, dict[str, Any]] = {
    "data.data_dir": {},
    "tuning.trials": {},
    "beam.beam_runner": {"beam.flink": "h:1"},
    "beam.flink": {"beam.beam_runner": "flink"},
    "kubeflow.retries": {},
    "kubeflow.retry_backoff": {},
    "kubeflow.retry_backoff_factor": {},
    "kubeflow.retry_window": {},
    "kubeflow.workspace": {"kubeflow.workspace_size": "3Gi"},
    "kubeflow.flink_version": {"kubeflow.flink_job_server_image": "flink"},
    "kubeflow.beam_pvc": {"beam.beam_runner": "flink", "beam.flink": "h:1"},
    "kubeflow.serving_dir": {"kubeflow.serving_pvc": "models"},
    "kubeflow.serving_pvc": {},
    "kubeflow.data_pvc": {},
    "kubeflow.pvc_mounts": {},
    "kubeflow.secret_files": {},
    "kubeflow.secret_env": {},
    "kubeflow.notify_secret": {},
    "kubeflow.repo_url": {},
    "kubeflow.repo_ref": {"kubeflow.repo_url": "https://h/p"},
    "kubeflow.repo_ssh_secret": {"kubeflow.repo_url": "git@h:p"},
    "kubeflow.repo_token_secret": {"kubeflow.repo_url": "https://h/p"},
}
"""Settings that a package may refuse for another's value: tried one by one, alone and with what they count with."""

ENDS = [(key, value) for section in CONSUMED for key, value in extremes(section)]
SINGLE = [(key, value) for key, value in ENDS if key in APART or is_template(value)]
TOGETHER = rows(end for end in ENDS if end not in SINGLE)


def test_every_setting_has_two_ends_at_least_and_each_is_tried() -> None:
    keys = [key for key, _ in ENDS]
    assert {setting.key for setting in settings()} - set(keys) == {"kubeflow.steps"}
    assert {key for key in keys if keys.count(key) < 2} == set()
    tried = [*SINGLE, *(pair for row in TOGETHER for pair in row.items())]
    assert [end for end in ENDS if end not in tried] == []


@pytest.fixture(scope="module")
def few(first_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 40 training and 20 evaluation examples."""
    source = first_run.artifact("example-gen", "examples")
    return first_examples(source, tmp_path_factory.mktemp("few"), train=40, eval=20)


@pytest.fixture(scope="module")
def trained(first_run: Run, few: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    graph = first_run.artifact("transform", "transform_graph")
    return train_extremes.train_each(few, graph, tmp_path_factory.mktemp("trained"), TRAINING)


@pytest.mark.e2e
@pytest.mark.parametrize("index", range(len(TRAINING)), ids=[f"{key}={value}" for key, value in TRAINING])
def test_a_training_ends_with_a_model_or_one_line(index: int, trained: list[dict[str, str]]) -> None:
    result, (key, value) = trained[index], TRAINING[index]
    if key == "training.epochs" and value != 1:
        assert result["epoch"].startswith(f"epoch 3/{value}  ")
    elif value == "gpu" and "error" in result:
        assert result["error"].startswith("device gpu: TensorFlow sees no GPU here")
    else:
        assert result == {"logits": "finite"}


@pytest.mark.e2e
@pytest.mark.parametrize(("key", "value"), named(extremes("evaluation")))
def test_an_evaluation_ends_with_a_verdict(key: str, value: float, first_run: Run, few: Path, tmp_path: Path) -> None:
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, examples.split_names = str(few), artifact_utils.encode_split_names(["eval"])
    schema.uri = str(first_run.artifact("schema-import", "schema"))
    judged = standard_artifacts.Model(), standard_artifacts.Model()
    for model in judged:
        model.uri = str(first_run.artifact("trainer", "model"))
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(tmp_path / "evaluation"), str(tmp_path / "blessing")
    thresholds = EvaluationConfig(**{name: float(name.startswith("max")) for name in EvaluationConfig.model_fields})
    evaluator.Executor(evaluator.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
        {"examples": [examples], "schema": [schema], "model": [judged[0]], "baseline_model": [judged[1]]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        thresholds.model_dump() | {key.split(".")[1]: value, "fairness_indicator_thresholds": "null"},
    )
    # The model is compared with itself: no drop is beyond a limit, and only a minimum of 1 refuses it.
    assert blessing.get_int_custom_property("blessed") == int(not (value == 1 and "min" in key))


@pytest.fixture(scope="module")
def profiles(dataset: sources.VerifiedFiles) -> dict[str, SplitProfile]:
    """What the data gate knows of the first 900 training and 300 evaluation images."""
    found = {}
    for split, count in {"train": 900, "eval": 300}.items():
        files = sources.SPLIT_FILES[split]
        images = idx.read_images(f"{dataset.path}/{files.images}", 0, count)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, count).astype(np.int64)
        found[split] = profile_of(Sample(images, labels))
    return found


@pytest.mark.parametrize(("key", "value"), named(extremes("data_gate")))
def test_the_data_gate_judges(key: str, value: Any, profiles: dict[str, SplitProfile]) -> None:
    limits = Limits.model_validate_json(config_with(key, value).data_gate.model_dump_json())
    report = judge("stop", profiles, {}, {name: profile.examples for name, profile in profiles.items()}, [], limits)
    assert len(str(report.headline).splitlines()) == 1
    json.dumps(report.to_dict(), allow_nan=False)
    with one_line_or_none():
        report.enforce()


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_classifier(tmp_path_factory.mktemp("pushed") / "model")


@pytest.mark.parametrize(("key", "value"), named(extremes("serving")))
def test_the_baseline_is_found_and_old_versions_are_deleted(key: str, value: Any, pushed: Path, tmp_path: Path) -> None:
    serving, baseline = config_with(key, value).serving, standard_artifacts.Model()
    baseline.uri = str(tmp_path / "baseline")
    for version in range(1, 8):
        shutil.copytree(pushed, tmp_path / "serving" / str(version))
    with one_line_or_none():
        locate_baseline(baseline, str(tmp_path / "serving"), serving.baseline)
        assert baseline.get_int_custom_property("version") == {"none": 0, "1": 1}.get(value, 7)
    with serving_place(str(tmp_path / "serving")) as place:
        place.prune(serving.keep_versions, 0, lambda _: True)
        assert place.versions() == list(range(1, 8))[-serving.keep_versions :]


@pytest.mark.parametrize(("key", "value"), named(extremes("data")))
def test_data_is_read(key: str, value: Any, idx_folder: Callable[..., Path], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9")
    folder = (
        {}
        if key == "data.data_dir" or value in published.FETCHERS
        else {"data_dir": str(idx_folder(train=40, eval=20))}
    )
    data = config_with(key, value).data.model_copy(update=folder)
    generator = example_gen.ExampleGen(
        source=data.data_source, data_dir=data.data_dir or "", digest="", version=data.data_version, limit=data.limit
    )
    pipeline = Pipeline(
        pipeline_name="test",
        pipeline_root=str(tmp_path / "pipeline"),
        metadata_connection_config=sqlite_metadata_connection_config(str(tmp_path / "metadata.db")),
        components=[generator.with_id("example-gen")],
        beam_pipeline_args=beam_options([]),
    )
    progress = Progress(Quiet())
    with one_line_or_none():
        LocalDagRunner(run_id="1", progress=progress).run(pipeline)
        assert progress.components["example-gen"].state == "succeeded"


@pytest.mark.parametrize(("key", "value"), named(extremes("run")))
def test_a_run_is_set_up(key: str, value: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with one_line_or_none():
        config = config_with(key, value)
        beam_options(config.run.beam_args)
        root = config.run.output_dir.absolute()
        if root.is_relative_to(tmp_path):
            with exclusive(root):
                assert new_run(root).run.is_dir()


@pytest.mark.parametrize("row", TOGETHER, ids=itertools.count())
def test_a_package_of_many_extremes_is_one_that_kubeflow_takes(row: dict[str, Any], tmp_path: Path) -> None:
    write(compile_package(config_of(row)), tmp_path / "package.yaml")


@pytest.mark.parametrize(("key", "value"), named(SINGLE))
def test_a_package_is_written_or_refused_where_settings_depend_on_each_other(
    key: str, value: Any, tmp_path: Path
) -> None:
    for others in ({}, APART.get(key, {})):
        with one_line_or_none():
            write(compile_package(config_of({**others, key: value})), tmp_path / "package.yaml")


@pytest.mark.parametrize("row", rows(extremes("kubeflow")), ids=itertools.count())
def test_a_flink_cluster_of_many_extremes_is_printed(row: dict[str, Any]) -> None:
    values = {**APART["kubeflow.flink_version"], **{key: value for key, value in row.items() if value is not None}}
    documents = list(yaml.safe_load_all(flink_manifest("plain", config_of(values).kubeflow)))
    assert {"Deployment", "Service"} <= {document["kind"] for document in documents}
