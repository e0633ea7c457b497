"""The pipeline: the only place that wires components, for every runner."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import transform_pb2

from modules.dataset import DATASET
from tfx_pipeline.components.source_checkout import run_code_from, source_checkout
from tfx_pipeline.config.section import Section
from tfx_pipeline.config.sections import Config
from tfx_pipeline.steps import table
from tfx_pipeline.steps.code_digest import modules_digest
from tfx_pipeline.steps.schema_import import schema_digest
from tfx_pipeline.steps.source_checkout import GitRepository
from tfx_pipeline.steps.table import Step

PIPELINE_NAME: Final = DATASET.name


def create_pipeline(
    config: Config,
    *,
    pipeline_root: str,
    serving_dir: Any,
    data_digest: str = "",
    metadata: metadata_store_pb2.ConnectionConfig | None = None,
    parameters: Callable[[Section], Any] = lambda section: section,
    repository: GitRepository | None = None,
    beam_args: Sequence[str] = (),
) -> Pipeline:
    """Wires the components.

    Args:
        config: Every value in force.
        pipeline_root: Where the artifacts go.
        serving_dir: Where models are pushed, and where the baseline is found; text or a run parameter.
        data_digest: The digest of the data, where it is known before the run; new data is read anew.
        metadata: ML Metadata's connection; None where the orchestrator has its own.
        parameters: Makes of a section one whose values can be set when a run is started; without it, the configured
            values are fixed.
        repository: Where the steps that run the user's code take ``modules`` from; None for the package that is
            installed beside this one.
        beam_args: Every option for Apache Beam.

    Returns:
        The pipeline, for any TFX runner.
    """
    data = parameters(config.data)
    serving = parameters(config.serving)
    # What a step runs follows from the checkout then, which is an input of its own.
    code_digest = "" if repository else modules_digest()

    example_gen = _made(
        table.EXAMPLE_GEN,
        source=data.data_source,
        data_dir=data.data_dir or "",
        digest=data_digest,
        version=data.data_version,
        limit=data.limit,
    )
    examples = example_gen.outputs["examples"]

    schema_import = _made(table.SCHEMA_IMPORT, digest=schema_digest())
    schema = schema_import.outputs["schema"]
    statistics_gen = _made(table.STATISTICS_GEN, examples=examples, schema=schema)
    example_validator = _made(table.EXAMPLE_VALIDATOR, statistics=statistics_gen.outputs["statistics"], schema=schema)
    data_gate = _made(
        table.DATA_GATE,
        examples=examples,
        statistics=statistics_gen.outputs["statistics"],
        anomalies=example_validator.outputs["anomalies"],
        mode=data.data_gate,
        limits=config.data_gate,
    )

    transform = _made(
        table.TRANSFORM,
        examples=examples,
        schema=schema,
        preprocessing_fn="modules.preprocessing.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=["train"]),
        materialize=False,
        disable_statistics=True,
        custom_config={"code_digest": code_digest},
    )

    baseline_locator = _made(table.BASELINE_LOCATOR, serving_dir=serving_dir, baseline_version=serving.baseline)
    training: dict[str, Any] = {
        "code_digest": code_digest,
        "examples": examples,
        "transform_graph": transform.outputs["transform_graph"],
        "hyperparameters": parameters(config.training),
    }
    tuner = None
    if config.tuning.trials:
        trials = parameters(config.tuning).trials
        tuner = _made(table.TUNER, tuner_fn="modules.tuner.tuner_fn", trials=trials, **training)
    best = {"best_hyperparameters": tuner.outputs["best_hyperparameters"]} if tuner else {}
    trainer = _made(table.TRAINER, run_fn="modules.trainer.run_fn", **training, **best)
    # Transform need not wait for the gate: nothing is learnt before these two. Nor is a baseline that is not fit to
    # compare with found out after the training.
    for learner in filter(None, (tuner, trainer)):
        learner.add_upstream_node(data_gate)
        learner.add_upstream_node(baseline_locator)

    evaluator = _made(
        table.EVALUATOR,
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=baseline_locator.outputs["baseline"],
        schema=schema,
        thresholds=parameters(config.evaluation),
    )
    pusher = _made(
        table.PUSHER,
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        baseline_model=baseline_locator.outputs["baseline"],
        evaluation=evaluator.outputs["evaluation"],
        serving_dir=serving_dir,
        keep_versions=serving.keep_versions,
    )
    evaluation_review = _made(
        table.EVALUATION_REVIEW,
        examples=examples,
        statistics=statistics_gen.outputs["statistics"],
        data_gate=data_gate.outputs["report"],
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        baseline_model=baseline_locator.outputs["baseline"],
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        **({"tuner_results": tuner.outputs["tuner_results"]} if tuner else {}),
    )

    components = [
        example_gen, statistics_gen, schema_import, example_validator, data_gate,
        transform, *filter(None, [tuner]), trainer, baseline_locator, evaluator, pusher, evaluation_review,
    ]  # fmt: skip
    if repository:
        checkout = source_checkout(repository)
        run_code_from(checkout, transform, *filter(None, [tuner]), trainer, evaluator, evaluation_review)
        components.insert(0, checkout)

    return Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=pipeline_root,
        metadata_connection_config=metadata,
        enable_cache=config.run.cache,
        beam_pipeline_args=[*beam_args],
        components=components,
    )


def require_search_space(config: Config) -> None:
    """Fails, with a ``UserError``, where a search is asked for and there is nothing to search."""
    if config.tuning.trials:
        from tfx_pipeline.components.tuner import require_space  # noqa: PLC0415 - KerasTuner, which few runs need

        require_space(config.training)


def _made(step: Step, **arguments: Any) -> BaseComponent:
    """Makes the component of a step, which is imported here: KerasTuner is loaded where there is a tuner alone."""
    module, _, name = step.component.rpartition(".")
    component: BaseComponent = getattr(import_module(module), name)(**arguments)
    return component.with_id(step.name)
