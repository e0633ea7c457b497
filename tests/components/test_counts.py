"""The steps that stop a run before training or judging read as many examples as example-gen wrote."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, standard_artifacts
from tfx.types import standard_component_specs as keys

from tests.components.test_data_gate import artifact, context
from tests.gate.samples import write_examples
from tests.small_run import Run
from tests.training import HYPERPARAMETERS
from tfx_pipeline.components import data_gate, evaluator, trainer
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.process.errors import UserError, one_line

Written = Callable[..., Artifact]


@pytest.fixture
def examples(first_run: Run) -> Written:
    """The first run's examples, 1,000 in each split, with other numbers noted on them."""

    def make(**counts: int) -> Artifact:
        made = artifact(standard_artifacts.Examples, first_run.artifact("example-gen", "examples"), ["train", "eval"])
        examples_utils.set_payload_format(made, example_gen_pb2.FORMAT_TF_EXAMPLE)
        for split, count in counts.items():
            made.set_int_custom_property(f"{split}_examples", count)
        return made

    return make


@pytest.fixture
def steps(first_run: Run, tmp_path: Path) -> dict[str, Callable[[Artifact], None]]:
    """Runs a step's executor on examples, and for the rest on what the first run left."""

    def taken(kind: type[Artifact], component: str, key: str, splits: Sequence[str] = ()) -> list[Artifact]:
        return [artifact(kind, first_run.artifact(component, key), splits)]

    def new(**kinds: type[Artifact]) -> dict[str, list[Artifact]]:
        return {key: [artifact(kind, tmp_path / key)] for key, kind in kinds.items()}

    both = ["train", "eval"]
    statistics = taken(standard_artifacts.ExampleStatistics, "statistics-gen", "statistics", both)
    anomalies = taken(standard_artifacts.ExampleAnomalies, "example-validator", "anomalies", both)
    schema = taken(standard_artifacts.Schema, "schema-import", "schema")
    graph = taken(standard_artifacts.TransformGraph, "transform", "transform_graph")
    model = taken(standard_artifacts.Model, "trainer", "model")

    def run_data_gate(examples: Artifact) -> None:
        inputs = {"examples": [examples], "statistics": statistics, "anomalies": anomalies}
        report = standard_artifacts.JsonValue()
        report.uri = str(tmp_path / "report.json")
        properties = {"mode": "warn", "limits": Limits().model_dump_json()}
        data_gate.Executor(context(tmp_path)).Do(inputs, {"report": [report]}, properties)

    def run_trainer(examples: Artifact) -> None:
        properties = HYPERPARAMETERS | {
            keys.RUN_FN_KEY: "tests.user_code.run_fn",
            "train_args": "{}",
            "eval_args": "{}",
        }
        outputs = new(model=standard_artifacts.Model, model_run=standard_artifacts.ModelRun)
        trainer.Executor(trainer.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
            {keys.EXAMPLES_KEY: [examples], keys.TRANSFORM_GRAPH_KEY: graph}, outputs, properties
        )

    def run_evaluator(examples: Artifact) -> None:
        outputs = new(evaluation=standard_artifacts.ModelEvaluation, blessing=standard_artifacts.ModelBlessing)
        properties = EvaluationConfig().model_dump() | {"fairness_indicator_thresholds": "null"}
        inputs = {"examples": [examples], "schema": schema, "model": model}
        evaluator.Executor(context(tmp_path)).Do(inputs, outputs, properties)

    return {name.removeprefix("run_").replace("_", "-"): value for name, value in locals().items() if "run_" in name}


STEPS: dict[str, Sequence[str]] = {
    "data-gate": ["train", "eval"],
    "trainer": ["train", "eval"],
    "evaluator": ["eval"],
}
"""The splits of which a step must have read every example."""


@pytest.mark.parametrize(("step", "split"), [(step, split) for step, splits in STEPS.items() for split in splits])
@pytest.mark.parametrize("noted", [1_001, pytest.param(999, marks=pytest.mark.thorough("tfx_pipeline/", "modules/"))])
def test_a_step_that_reads_more_or_fewer_examples_stops_and_says_so(
    step: str, split: str, noted: int, examples: Written, steps: dict[str, Any]
) -> None:
    with pytest.raises(UserError) as stopped:
        steps[step](examples(**{"train": 1_000, "eval": 1_000, split: noted}))
    line = one_line(stopped.value)
    assert re.match(rf"{step}: read 1,000 examples .*{split}.*{noted:,} .*; run again with --no-cache$", line), line


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_reads_all_examples_goes_on(step: str, examples: Written, steps: dict[str, Any]) -> None:
    steps[step](examples(train=1_000, eval=1_000))


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_reads_no_example_stops_and_says_so(
    step: str, examples: Written, steps: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    empty = examples(train=1_000, eval=1_000)
    for split in ("train", "eval"):
        (tmp_path / "empty" / f"Split-{split}").mkdir()
        write_examples(tmp_path / "empty" / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz", [])
    empty.uri = str(tmp_path / "empty")
    with pytest.raises(UserError, match=rf"{step}: read 0 examples|hold no examples; run again with --no-cache"):
        steps[step](empty)


def test_a_trainer_without_any_example_fails_even_where_no_number_is_noted(
    examples: Written, steps: dict[str, Any], tmp_path: Path
) -> None:
    for split in ("train", "eval"):
        empty = artifact(standard_artifacts.Examples, tmp_path / f"no-{split}", ["train", "eval"])
        for name in ("train", "eval"):
            (tmp_path / f"no-{split}" / f"Split-{name}").mkdir()
            if name != split:
                (source,) = Path(examples().uri, f"Split-{name}").iterdir()
                (tmp_path / f"no-{split}" / f"Split-{name}" / source.name).symlink_to(source)
        with pytest.raises(UserError, match=rf"^.*no-{split}/Split-{split}/\*: hold no examples; run again"):
            steps["trainer"](empty)
