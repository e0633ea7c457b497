"""data-gate on what example-gen, statistics-gen and ExampleValidator leave, and in a whole run."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorflow_data_validation.utils import anomalies_util
from tfx.components.example_validator import executor as example_validator
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils, channel_utils, standard_artifacts
from tfx.types import standard_component_specs as keys

from tests.conftest import Split
from tests.gate.samples import Example, write_examples
from tests.small_run import QUICK, local_runner
from tfx_pipeline.components import data_gate, example_gen, statistics_gen
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.data import idx, sources
from tfx_pipeline.gate.report import DataGateError
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.schema_import import schema_text

Inputs = dict[str, list[Artifact]]


def artifact(kind: type[Artifact], uri: Path, splits: Sequence[str] = ()) -> Any:
    """Makes an artifact, and its directory."""
    result = kind()
    result.uri = str(uri)
    uri.mkdir(exist_ok=True)
    if splits:
        result.split_names = artifact_utils.encode_split_names(list(splits))
    return result


def write_splits(folder: Path, splits: Mapping[str, Sequence[Example]]) -> Artifact:
    """Writes examples as example-gen does, 400 a file."""
    examples = artifact(standard_artifacts.Examples, folder / "examples", list(splits))
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    for split, content in splits.items():
        directory = folder / "examples" / f"Split-{split}"
        directory.mkdir()
        for index, start in enumerate(range(0, len(content), 400)):
            write_examples(directory / f"data_tfrecord-{index:05d}-of-00009.gz", content[start : start + 400])
    return examples


def inputs_for(folder: Path, splits: Mapping[str, Sequence[Example]]) -> Inputs:
    """Writes examples, and has their statistics and anomalies computed."""
    return inputs_of(folder, write_splits(folder, splits))


def inputs_of(folder: Path, examples: Artifact) -> Inputs:
    """Has the statistics and anomalies of examples computed."""
    schema = artifact(standard_artifacts.Schema, folder / "schema")
    (folder / "schema" / "schema.pbtxt").write_text(schema_text())
    statistics = artifact(standard_artifacts.ExampleStatistics, folder / "statistics")
    anomalies = artifact(standard_artifacts.ExampleAnomalies, folder / "anomalies")
    statistics_gen.Executor(context(folder)).Do(
        {keys.EXAMPLES_KEY: [examples], keys.SCHEMA_KEY: [schema]},
        {keys.STATISTICS_KEY: [statistics]},
        {keys.EXCLUDE_SPLITS_KEY: "[]"},
    )
    example_validator.Executor().Do(
        {keys.STATISTICS_KEY: [statistics], keys.SCHEMA_KEY: [schema]},
        {keys.ANOMALIES_KEY: [anomalies]},
        {keys.EXCLUDE_SPLITS_KEY: "[]"},
    )
    return {"examples": [examples], "statistics": [statistics], "anomalies": [anomalies]}


def context(folder: Path) -> BaseBeamExecutor.Context:
    """What an orchestrator tells an executor."""
    return BaseBeamExecutor.Context(
        beam_pipeline_args=["--direct_running_mode=in_memory"], tmp_dir=str(folder / "tmp"), unique_id="1"
    )


def run_gate(folder: Path, inputs: Inputs, mode: str = "stop", limits: Limits | None = None) -> Path:
    """Runs the component's executor; returns where the report is."""
    report = standard_artifacts.JsonValue()
    report.uri = str(folder / "report")
    properties = {"mode": mode, "limits": (limits or Limits()).model_dump_json()}
    data_gate.Executor(context(folder)).Do(inputs, {data_gate.REPORT_KEY: [report]}, properties)
    return Path(report.uri)


@pytest.fixture(scope="module")
def examples(dataset: sources.VerifiedFiles) -> dict[str, list[Example]]:
    """The first 900 training and 300 evaluation examples."""
    first = {}
    for split, count in {"train": 900, "eval": 300}.items():
        files = sources.SPLIT_FILES[split]
        images = idx.read_images(f"{dataset.path}/{files.images}", 0, count)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", 0, count)
        first[split] = [(i.tobytes(), n) for i, n in zip(images, labels.tolist(), strict=True)]
    return first


@pytest.fixture(scope="module")
def good(examples: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The artifacts of real data."""
    return inputs_for(tmp_path_factory.mktemp("good"), examples)


@pytest.fixture(scope="module")
def broken(examples: dict[str, list[Example]], tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The artifacts of data with a missing image, one of another size, a missing label and a label of no class."""
    evaluation = list(examples["eval"])
    evaluation[3] = (None, evaluation[3][1])
    evaluation[4] = (bytes(32 * 32), evaluation[4][1])
    evaluation[5] = (evaluation[5][0], None)
    evaluation[6] = (evaluation[6][0], 10)
    return inputs_for(tmp_path_factory.mktemp("broken"), {**examples, "eval": evaluation})


def test_real_data_passes_and_the_report_holds_every_figure(good: Inputs, tmp_path: Path) -> None:
    report = json.loads(run_gate(tmp_path, good).read_bytes())
    assert (report["ok"], report["mode"], report["anomalies"]) == (True, "stop", 0)
    assert report["examples"] == {"train": 900, "eval": 300}
    figures = {(c["name"], c["split"], c["class"]): c["figure"] for c in report["checks"]}
    assert figures["mean intensity", "train", ""] == pytest.approx(72.9, abs=3)
    assert figures["images that stand in both splits", "train and eval", ""] == 0
    assert figures["examples in the statistics", "train", ""] == 900


def test_the_validator_finds_a_label_beyond_the_last_class(broken: Inputs) -> None:
    (anomalies,) = broken["anomalies"]
    found = anomalies_util.load_anomalies_binary(f"{anomalies.uri}/Split-eval/SchemaDiff.pb")
    assert "Unexpectedly large value: 10." in found.anomaly_info["label"].description


@pytest.mark.parametrize(("name", "sibling"), [("sib?", "sibs"), ("run [1]", "run 1")])
def test_an_output_directory_named_like_a_pattern_holds_its_own_files_only(
    name: str, sibling: str, idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    for place, (train, evaluation) in {sibling: (500, 200), name: (900, 300)}.items():
        folder = idx_folder(train, evaluation, name=f"data {place}")
        (tmp_path / place).mkdir()
        examples = artifact(standard_artifacts.Examples, tmp_path / place / "examples")
        example_gen.Executor(context(tmp_path / place)).Do(
            {},
            {keys.EXAMPLES_KEY: [examples]},
            {"source": "idx", "data_dir": str(folder), "digest": "", "version": "", "limit": 0},
        )
        inputs = inputs_of(tmp_path / place, examples)
        report = json.loads(run_gate(tmp_path / place, inputs).read_bytes())
        assert report["examples"] == {"train": train, "eval": evaluation}


def test_broken_examples_stop_the_run_without_a_report(broken: Inputs, tmp_path: Path) -> None:
    line = "data gate: 4 anomalies, the first: missing images in eval: 1, expected at most 0"
    with pytest.raises(DataGateError, match=line):
        run_gate(tmp_path, broken)
    assert not (tmp_path / "report").exists()


def test_labels_outside_the_classes_stop_the_run_in_either_mode(broken: Inputs, tmp_path: Path) -> None:
    line = (
        r"^data gate: labels outside 0 to 9 in eval: 1 \(from 10 to 10\), expected at most 0; number the labels from "
        r"0, in the order of the 10 class_names of modules/dataset\.py$"
    )
    with pytest.raises(DataGateError, match=line):
        run_gate(tmp_path, broken, mode="warn")


def test_a_duplicate_is_found_wherever_the_files_divide_the_splits(
    examples: dict[str, list[Example]], good: Inputs, tmp_path: Path
) -> None:
    leaked = [*examples["train"][:-1], examples["eval"][123]]
    inputs = {**good, "examples": [write_splits(tmp_path, {**examples, "train": leaked})]}
    with pytest.raises(DataGateError, match=r"1 anomaly: images that stand in both splits .* \(1 of the 300 of"):
        run_gate(tmp_path, inputs)
    run_gate(tmp_path, inputs, limits=Limits(max_duplicates=0.01))


def test_transposed_images_are_refused(examples: dict[str, list[Example]], good: Inputs, tmp_path: Path) -> None:
    transposed = {
        split: [(np.frombuffer(image or b"", np.uint8).reshape(28, 28).T.tobytes(), label) for image, label in content]
        for split, content in examples.items()
    }
    inputs = {**good, "examples": [write_splits(tmp_path, transposed)]}
    line = (
        r"the first: distance of the mean image from the expected one of class 0 \(T-shirt/top\) in train: \d\d\.\d+ "
    )
    with pytest.raises(DataGateError, match=line + r"\(as when images are transposed, mirrored, .*, expected at most"):
        run_gate(tmp_path, inputs)
    report = json.loads(run_gate(tmp_path, inputs, mode="warn").read_bytes())
    assert {check["split"] for check in report["checks"] if not check["ok"]} == {"train", "eval"}
    none = json.loads(run_gate(tmp_path, inputs, limits=Limits(expected_image=[])).read_bytes())
    assert "each class's image not checked: measure what to expect with" in none["headline"]


def test_images_are_counted_again_wherever_the_files_divide_the_split(
    examples: dict[str, list[Example]], good: Inputs, tmp_path: Path
) -> None:
    other = [(image, (label or 0) ^ 1) for image, label in examples["train"][:200]]
    repeated = [*examples["train"][:500], *examples["train"][:200], *other]
    inputs = {**good, "examples": [write_splits(tmp_path, {**examples, "train": repeated})]}
    report = json.loads(run_gate(tmp_path, inputs, mode="warn").read_bytes())
    texts = [check["text"] for check in report["checks"] if not check["ok"]]
    assert texts[:2] == [
        "images under several labels in train: 22.22 % (200 of 900), expected at most 0 %",
        "images that repeat others in train: 44.44 % (400 of 900), expected at most 0.1 %",
    ]


def test_limits_in_force_are_the_components_own(good: Inputs, tmp_path: Path) -> None:
    with pytest.raises(DataGateError, match=r"mean intensity in train: 7\d\.\d+, expected 90 to 110"):
        run_gate(tmp_path, good, limits=Limits(expected_intensity=[100] * 10))


def test_mode_that_a_run_was_started_with_by_mistake_is_refused(good: Inputs, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="got the mode 'Stop', expected stop or warn"):
        run_gate(tmp_path, good, mode="Stop")


def test_changed_limits_change_the_parameters_that_a_cached_result_is_tied_to() -> None:
    def parameters(**limits: Any) -> dict[str, Any]:
        channels = {
            "examples": channel_utils.as_channel([standard_artifacts.Examples()]),
            "statistics": channel_utils.as_channel([standard_artifacts.ExampleStatistics()]),
            "anomalies": channel_utils.as_channel([standard_artifacts.ExampleAnomalies()]),
        }
        return dict(data_gate.DataGate(**channels, mode="stop", limits=Limits(**limits)).exec_properties)

    assert parameters() == parameters()
    assert parameters() != parameters(max_blank=0.02)
    assert all(isinstance(value, str | int | float) for value in parameters().values())
    # Kubeflow takes two braces for the beginning of an expression.
    assert "{{" not in parameters()["limits"]


@pytest.mark.e2e
def test_inverted_images_stop_the_run_before_training(idx_folder: Callable[..., Path], tmp_path: Path) -> None:
    def invert(splits: dict[str, Split]) -> None:
        for split in splits.values():
            split.images = 255 - split.images

    folder = idx_folder(train=1_000, eval=500, alter=invert)
    run = local_runner(tmp_path / "output", "--data-dir", str(folder), *QUICK)
    assert run.code == 1
    (line,) = [line for line in run.console.splitlines() if line.startswith("error: ")]
    assert "mean intensity in train: 18" in line
    assert run.manifest["error"] == line.removeprefix("error: ")
    assert {run.states()[component] for component in ("transform", "trainer", "evaluator", "pusher")} == {"not run"}
    assert not (run.output / "serving").exists()
    assert not (run.output / "pipeline" / "trainer").exists()
    assert "anomaly: mean intensity in eval" in run.log

    warned = local_runner(tmp_path / "output", "--data-dir", str(folder), *QUICK, "--data-gate", "warn")
    assert warned.code == 0, warned.console
    assert "NOT STOPPED (--data-gate warn): " in warned.console
    gate = warned.manifest["data_gate"]
    assert (gate["mode"], gate["ok"]) == ("warn", False)
    assert gate["anomalies"] > 10
    assert warned.states()["trainer"] == "succeeded"
    assert warned.states()["statistics-gen"] == "cached"
