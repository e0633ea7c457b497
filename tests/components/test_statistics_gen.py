"""statistics-gen leaves what TFX's own StatisticsGen leaves."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tensorflow_data_validation.utils import stats_util
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components.statistics_gen import executor as tfx_statistics_gen
from tfx.types import Artifact, artifact_utils, channel_utils, standard_artifacts
from tfx.types import standard_component_specs as keys

from tests.components.test_data_gate import artifact, context, inputs_for, run_gate, write_splits
from tests.gate.samples import Example, write_examples
from tfx_pipeline import pipeline
from tfx_pipeline.components import statistics_gen
from tfx_pipeline.config.sections import Config
from tfx_pipeline.data import idx, sources
from tfx_pipeline.gate.report import DataGateError
from tfx_pipeline.steps import table
from tfx_pipeline.steps.schema_import import schema_text


def run(executor: Any, folder: Path, examples: Artifact) -> Artifact:
    """Runs an executor on examples."""
    folder.mkdir()
    schema = artifact(standard_artifacts.Schema, folder / "schema")
    (folder / "schema" / "schema.pbtxt").write_text(schema_text())
    statistics = artifact(standard_artifacts.ExampleStatistics, folder / "statistics")
    executor(context(folder)).Do(
        {keys.EXAMPLES_KEY: [examples], keys.SCHEMA_KEY: [schema]},
        {keys.STATISTICS_KEY: [statistics]},
        {keys.EXCLUDE_SPLITS_KEY: "[]"},
    )
    return statistics


def read(statistics: Artifact, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads what was written for a split."""
    return stats_util.load_stats_binary(f"{statistics.uri}/Split-{split}/FeatureStats.pb")


def assert_same(folder: Path, examples: Artifact) -> None:
    """Compares files and properties with those that TFX leaves for the same examples."""
    ours = run(statistics_gen.Executor, folder / "ours", examples)
    theirs = run(tfx_statistics_gen.Executor, folder / "theirs", examples)
    for split in artifact_utils.decode_split_names(examples.split_names):
        assert read(ours, split) == read(theirs, split), split
    for statistics in (ours, theirs):
        statistics.uri = ""
    assert ours.mlmd_artifact == theirs.mlmd_artifact


@pytest.fixture
def splits(dataset: sources.VerifiedFiles) -> dict[str, list[Example]]:
    """The first 2,000 training and 1,000 evaluation examples."""
    first = {}
    for split, count in {"train": 2_000, "eval": 1_000}.items():
        files = sources.SPLIT_FILES[split]
        images = idx.read_images(f"{dataset.path}/{files.images}", 0, count)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, count)
        first[split] = [(i.tobytes(), n) for i, n in zip(images, labels.tolist(), strict=True)]
    return first


def test_statistics_of_real_data_are_those_of_tfx(splits: dict[str, list[Example]], tmp_path: Path) -> None:
    assert_same(tmp_path, write_splits(tmp_path, splits))


@pytest.mark.thorough("tfx_pipeline/components/statistics_gen.py", "tfx_pipeline/gate/")
def test_statistics_of_broken_data_are_those_of_tfx(splits: dict[str, list[Example]], tmp_path: Path) -> None:
    evaluation = splits["eval"]
    evaluation[3] = (None, evaluation[3][1])
    evaluation[4] = (bytes(32 * 32), evaluation[4][1])
    evaluation[5] = (evaluation[5][0], None)
    evaluation[6] = (None, None)
    evaluation[7:9] = [(evaluation[7][0], 255)] * 2
    evaluation[9] = (evaluation[9][0], 10)
    splits["train"] = [(image, None) for image, _ in splits["train"]]
    assert_same(tmp_path, write_splits(tmp_path, splits))


@pytest.mark.thorough("tfx_pipeline/components/statistics_gen.py", "tfx_pipeline/gate/")
def test_statistics_of_a_split_without_examples_are_those_of_tfx(
    splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    examples = write_splits(tmp_path, {**splits, "eval": []})
    write_examples(tmp_path / "examples" / "Split-eval" / "data_tfrecord-00000-of-00001.gz", [])
    assert_same(tmp_path, examples)


@pytest.mark.thorough("tfx_pipeline/components/statistics_gen.py", "tfx_pipeline/gate/")
def test_every_label_that_an_idx_file_can_hold_is_counted_as_tfx_counts_it(
    splits: dict[str, list[Example]], tmp_path: Path
) -> None:
    images = [image for image, _ in splits["eval"]]
    examples = write_splits(tmp_path, {"eval": [(image, number % 256) for number, image in enumerate(images)]})
    counts, unique = [], []
    for name, executor in {"ours": statistics_gen.Executor, "theirs": tfx_statistics_gen.Executor}.items():
        (label,) = (
            feature.string_stats
            for feature in read(run(executor, tmp_path / name, examples), "eval").datasets[0].features
            if feature.path.step[0] == "label"
        )
        # Labels of the same frequency may come in another order.
        counts.append({bucket.label: bucket.sample_count for bucket in label.rank_histogram.buckets})
        unique.append(label.unique)
    assert counts[0] == counts[1]
    assert unique == [256, 256]


def test_the_component_records_the_properties_of_tfx_and_takes_no_options() -> None:
    channels = {
        "examples": channel_utils.as_channel([standard_artifacts.Examples()]),
        "schema": channel_utils.as_channel([standard_artifacts.Schema()]),
    }
    assert statistics_gen.StatisticsGen(**channels).exec_properties == (
        statistics_gen.TfxStatisticsGen(**channels).exec_properties
    )
    with pytest.raises(TypeError):
        statistics_gen.StatisticsGen(**channels, exclude_splits=["eval"])


def test_tfxs_own_component_takes_the_place_of_ours_by_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tfxs_own = dataclasses.replace(table.STATISTICS_GEN, component="tfx.components.StatisticsGen")
    monkeypatch.setattr(table, "STATISTICS_GEN", tfxs_own)
    made = pipeline.create_pipeline(Config(), pipeline_root="root", serving_dir="serving")
    (component,) = [component for component in made.components if component.id == "statistics-gen"]
    assert component.executor_spec.executor_class is tfx_statistics_gen.Executor
    assert set(component.inputs.keys()) == {"examples", "schema"}


@pytest.mark.thorough("tfx_pipeline/components/statistics_gen.py", "tfx_pipeline/gate/")
@pytest.mark.parametrize("broken", [False, True])
def test_the_data_gate_judges_tfxs_own_statistics_as_it_judges_ours(
    splits: dict[str, list[Example]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    if broken:
        splits["eval"][3] = (None, splits["eval"][3][1])
        splits["eval"][6] = (splits["eval"][6][0], 10)
    verdicts = []
    for executor in (statistics_gen.Executor, tfx_statistics_gen.Executor):
        monkeypatch.setattr(statistics_gen, "Executor", executor)
        folder = tmp_path / executor.__module__
        folder.mkdir()
        inputs = inputs_for(folder, splits)
        try:
            verdicts.append(run_gate(folder, inputs).read_text())
        except DataGateError as error:
            verdicts.append(str(error))
    assert verdicts[0] == verdicts[1]
    assert broken == verdicts[0].startswith("data gate: ")
