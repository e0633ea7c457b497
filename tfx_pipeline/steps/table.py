"""The steps of the pipeline: all that is known of each, once, without TensorFlow and TFX.

`tfx_pipeline.pipeline` makes them of it, in the order that their artifacts ask for; whatever else depends on a step,
such as what it asks Kubernetes for, reads it here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# A request is what a step needs to work, above what was measured on 60,000 images (with file cache: light steps 315,
# those with TensorFlow 951, the trainer 977 MiB); a limit is what it may use where a node has it.
LIGHT: Final = {"cpu_request": "100m", "cpu_limit": "2", "memory_request": "512Mi", "memory_limit": "3Gi"}
_TFX: Final = {"cpu_request": "500m", "cpu_limit": "4", "memory_request": "1Gi", "memory_limit": "6Gi"}
_SERVER: Final = {"cpu_request": "100m", "cpu_limit": "2", "memory_request": "256Mi", "memory_limit": "2Gi"}
_TRAINING: Final = {"cpu_request": "1", "cpu_limit": "8", "memory_request": "1536Mi", "memory_limit": "8Gi"}

_COMPONENTS: Final = "tfx_pipeline.components"
_DATA: Final = "data"
_JUDGEMENT: Final = "judgement"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step, or another pod that has settings as steps have them.

    Attributes:
        name: Its id in the pipeline, and its task on Kubeflow.
        component: Import path of its component; "" for what is not in the pipeline.
        work: Import path of the function that does its work without TFX, so that its pod starts in less than a second;
            "" where TFX must.
        stage: The steps of a stage share a pod on Kubeflow; "" for a pod of its own.
        settings: What it asks Kubernetes for, unless the configuration says otherwise.
        settings_like: The step whose settings it has, unless it has some of its own.
        beam: It computes with Beam, whose workers on other machines must see its files.
        gpu: It trains, and so has the GPUs that are asked for.
        cached: What it came to is reused; a step that looks at what lies outside the pipeline runs each time.
        imports_modules: It runs the user's code, from the repository where one is named.
        reads_data: It reads the data set.
        serving: It reads or writes the serving place.
        object_store: It reaches Kubeflow's object store by itself.
    """

    name: str
    component: str = ""
    work: str = ""
    stage: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: LIGHT)
    settings_like: str = ""
    beam: bool = False
    gpu: bool = False
    cached: bool = True
    imports_modules: bool = False
    reads_data: bool = False
    serving: bool = False
    object_store: bool = False


SOURCE_CHECKOUT: Final = Step(
    name="source-checkout",
    component=f"{_COMPONENTS}.source_checkout.SourceCheckout",
    work="tfx_pipeline.steps.source_checkout.check_out_modules",
)
EXAMPLE_GEN: Final = Step(
    name="example-gen",
    component=f"{_COMPONENTS}.example_gen.ExampleGen",
    stage=_DATA,
    settings=_TFX,
    beam=True,
    reads_data=True,
    object_store=True,
)
SCHEMA_IMPORT: Final = Step(
    name="schema-import",
    component=f"{_COMPONENTS}.schema_import.SchemaImport",
    work="tfx_pipeline.steps.schema_import.import_schema",
    stage=_DATA,
)
STATISTICS_GEN: Final = Step(
    name="statistics-gen",
    component=f"{_COMPONENTS}.statistics_gen.StatisticsGen",
    stage=_DATA,
    settings=_TFX,
    beam=True,
)
EXAMPLE_VALIDATOR: Final = Step(
    name="example-validator",
    component="tfx.components.example_validator.component.ExampleValidator",
    stage=_DATA,
    settings=_TFX,
)
DATA_GATE: Final = Step(
    name="data-gate",
    component=f"{_COMPONENTS}.data_gate.DataGate",
    stage=_DATA,
    settings={**_TFX, "retries": 0},  # checking the same data again finds the same
    beam=True,
)
TRANSFORM: Final = Step(
    name="transform",
    component="tfx.components.transform.component.Transform",
    stage=_DATA,
    settings=_TFX,
    beam=True,
    imports_modules=True,
)
# The trainer waits for it, and it runs each time, which the data need not: so it is in no stage.
BASELINE_LOCATOR: Final = Step(
    name="baseline-locator",
    component=f"{_COMPONENTS}.baseline_locator.BaselineLocator",
    work="tfx_pipeline.steps.baseline_locator.locate_baseline",
    cached=False,
    serving=True,
    object_store=True,
)
TRAINER: Final = Step(
    name="trainer", component=f"{_COMPONENTS}.trainer.Trainer", settings=_TRAINING, gpu=True, imports_modules=True
)
TUNER: Final = Step(
    name="tuner",
    component=f"{_COMPONENTS}.tuner.Tuner",
    settings=_TRAINING,
    settings_like=TRAINER.name,
    gpu=True,
    imports_modules=True,
)
EVALUATOR: Final = Step(
    name="evaluator",
    component=f"{_COMPONENTS}.evaluator.Evaluator",
    stage=_JUDGEMENT,
    settings=_TFX,
    beam=True,
    imports_modules=True,
)
EVALUATION_REVIEW: Final = Step(
    name="evaluation-review",
    component=f"{_COMPONENTS}.evaluation_review.EvaluationReview",
    stage=_JUDGEMENT,
    settings=_TFX,
    imports_modules=True,
)
PUSHER: Final = Step(
    name="pusher",
    component=f"{_COMPONENTS}.pusher.Pusher",
    work="tfx_pipeline.steps.pusher.push_model",
    stage=_JUDGEMENT,
    serving=True,
    object_store=True,
)

STEPS: Final = (
    SOURCE_CHECKOUT, EXAMPLE_GEN, SCHEMA_IMPORT, STATISTICS_GEN, EXAMPLE_VALIDATOR, DATA_GATE, TRANSFORM,
    BASELINE_LOCATOR, TUNER, TRAINER, EVALUATOR, EVALUATION_REVIEW, PUSHER,
)  # fmt: skip
"""The pipeline's, each after those that it needs."""

# The run does not end before it: without a node or an image, it is given up.
NOTIFIER: Final = Step(name="notifier", settings={**LIGHT, "retries": 0, "active_deadline": 600}, cached=False)
"""Kubeflow's exit step, which runs when the pipeline has ended."""
TENSORBOARD: Final = Step(name="tensorboard", settings=_SERVER, object_store=True)
BEAM_WORKER: Final = Step(name="beam-worker", settings=_TFX, beam=True)
"""Where Beam's steps run on a Flink cluster."""

_BY_NAME: Final = {step.name: step for step in (*STEPS, NOTIFIER, TENSORBOARD, BEAM_WORKER)}


def step_named(name: str) -> Step:
    """The step of a name; a light one of that name where the table has none, as for a component of a user's own."""
    return _BY_NAME.get(name) or Step(name=name)


def step_of_executor(executor_class_path: str) -> str:
    """The name of the step that an executor class runs, by its import path; that of its module for a user's own."""
    for step in STEPS:
        folder = step.component.rpartition(".")[0].removesuffix(".component")
        if executor_class_path.startswith(f"{folder}."):
            return step.name
    return executor_class_path.rpartition(".")[0].rpartition(".")[2]


def stages_of(steps: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The stages of a pipeline that has these steps: the members of each in their order.

    With a repository, what imports ``modules`` from the checkout is not in one pod with what reads the data, which has
    imported the image's; and the data stage stays cached when the user's code changes.
    """
    members: dict[str, tuple[str, ...]] = {}
    for step in STEPS:
        apart = step.stage == _DATA and step.imports_modules and SOURCE_CHECKOUT.name in steps
        if step.stage and not apart:
            members[step.stage] = (*members.get(step.stage, ()), step.name)
    return members
