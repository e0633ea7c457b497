"""Reads the results of a run from ML Metadata and the artifacts."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from tfx_pipeline.data.sources import SPLIT_FILES
from tfx_pipeline.evaluation.results import read_evaluation
from tfx_pipeline.evaluation.scores import ModelScores
from tfx_pipeline.gate.report import summary
from tfx_pipeline.local.outcome import Outcome
from tfx_pipeline.record.properties import HYPERPARAMETERS, KEYS
from tfx_pipeline.review.trials import read_trials
from tfx_pipeline.review.trials import summary as tuning
from tfx_pipeline.steps.baseline_locator import VERSION_PROPERTY
from tfx_pipeline.steps.table import (
    BASELINE_LOCATOR,
    DATA_GATE,
    EVALUATION_REVIEW,
    EVALUATOR,
    EXAMPLE_GEN,
    PUSHER,
    TRAINER,
    TUNER,
)


def read_outcome(store: MetadataStore, executions: Mapping[str, int]) -> Outcome:
    """Collects the results of the components that finished.

    Args:
        store: ML Metadata.
        executions: The execution of each component that finished, executed or cached.

    Returns:
        Their results.
    """
    outputs = {component: _outputs(store, execution) for component, execution in executions.items()}
    outcome = Outcome()
    if EXAMPLE_GEN.name in outputs:
        outcome = dataclasses.replace(outcome, data=_data(outputs[EXAMPLE_GEN.name]["examples"]))
    if DATA_GATE.name in outputs:
        report = json.loads(Path(outputs[DATA_GATE.name]["report"].uri).read_bytes())
        outcome = dataclasses.replace(outcome, data_gate=summary(report))
    if TUNER.name in outputs:
        trials = read_trials(outputs[TUNER.name]["tuner_results"].uri)
        outcome = dataclasses.replace(outcome, tuning=tuning(trials))
    if TRAINER.name in outputs:
        model, logs = outputs[TRAINER.name]["model"], Path(outputs[TRAINER.name]["model_run"].uri)
        outcome = dataclasses.replace(outcome, training=_training(model), training_logs=logs)
    if BASELINE_LOCATOR.name in outputs:
        baseline = outputs[BASELINE_LOCATOR.name]["baseline"].custom_properties
        version = baseline[VERSION_PROPERTY].int_value if VERSION_PROPERTY in baseline else None
        outcome = dataclasses.replace(outcome, baseline=version)
    if EVALUATOR.name in outputs:
        outcome = _with_evaluation(outcome, outputs[EVALUATOR.name])
    if PUSHER.name in outputs:
        pushed = outputs[PUSHER.name]["pushed_model"].custom_properties
        outcome = dataclasses.replace(outcome, pushed=pushed["pushed_destination"].string_value or None)
    if EVALUATION_REVIEW.name in outputs:
        review = outputs[EVALUATION_REVIEW.name]
        outcome = dataclasses.replace(
            outcome, training_logs=Path(review["tensorboard"].uri), report=Path(review["report"].uri)
        )
    return outcome


def _outputs(store: MetadataStore, execution: int) -> dict[str, metadata_store_pb2.Artifact]:
    """The output artifacts of an execution by key, of which each has one."""
    events = [e for e in store.get_events_by_execution_ids([execution]) if e.type == metadata_store_pb2.Event.OUTPUT]
    keys = {event.artifact_id: event.path.steps[0].key for event in events}
    return {keys[artifact.id]: artifact for artifact in store.get_artifacts_by_id(list(keys))}


def _data(examples: metadata_store_pb2.Artifact) -> dict[str, Any]:
    properties = examples.custom_properties
    names = ("source", "kind", "digest")
    counts = {split: properties[f"{split}_examples"].int_value for split in SPLIT_FILES}
    return {name: properties[f"data_{name}"].string_value for name in names} | {"counts": counts}


def _training(model: metadata_store_pb2.Artifact) -> dict[str, Any]:
    values = {key: model.custom_properties[key] for key in HYPERPARAMETERS}
    found = {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}
    return {name: HYPERPARAMETERS[key](found[key]) for name, key in KEYS.items()}


def _with_evaluation(outcome: Outcome, outputs: dict[str, metadata_store_pb2.Artifact]) -> Outcome:
    evaluation = read_evaluation(outputs["evaluation"].uri)
    return dataclasses.replace(
        outcome,
        metrics=_metrics(evaluation.model),
        blessed=bool(outputs["blessing"].custom_properties["blessed"].int_value),
        refusals=evaluation.refusals,
    )


def _metrics(model: ModelScores) -> dict[str, Any]:
    defined = {title: value if math.isfinite(value) else None for title, value in model.overall.metrics.items()}
    return {
        **{title.replace(" ", "_"): value for title, value in defined.items()},
        "num_examples": model.overall.examples,
        "per_class_accuracy": {scores.name: scores.recall for scores in model.classes if scores.examples},
    }
