"""Reads the results of a run from ML Metadata and the artifacts."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from tfx_pipeline.evaluation.results import read_evaluation
from tfx_pipeline.record.examples import data_of
from tfx_pipeline.record.properties import HYPERPARAMETERS
from tfx_pipeline.record.run_record import RunRecord, data_gate_of, metrics_of
from tfx_pipeline.review.trials import read_trials
from tfx_pipeline.review.trials import summary as tuning
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.versions import model_dir
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

Outputs = Mapping[str, Mapping[str, metadata_store_pb2.Artifact]]
"""The output artifacts of the components that finished, by component and key."""


class Pages(NamedTuple):
    """What people look at: TensorBoard's events, those of the training where there is no review; and the review."""

    tensorboard: Path | None
    report: Path | None


def outputs_of(store: MetadataStore, executions: Mapping[str, int]) -> Outputs:
    """Finds the artifacts of the execution of each component that finished, executed or cached."""
    return {component: _outputs(store, execution) for component, execution in executions.items()}


def with_results(record: RunRecord, outputs: Outputs) -> RunRecord:
    """Adds what the components that finished came to."""
    if EXAMPLE_GEN.name in outputs:
        record = dataclasses.replace(record, data=data_of(_properties(outputs[EXAMPLE_GEN.name]["examples"])))
    if DATA_GATE.name in outputs:
        report = json.loads(Path(outputs[DATA_GATE.name]["report"].uri).read_bytes())
        record = dataclasses.replace(record, data_gate=data_gate_of(report))
    if TUNER.name in outputs:
        trials = read_trials(outputs[TUNER.name]["tuner_results"].uri)
        record = dataclasses.replace(record, tuning=tuning(trials))
    if TRAINER.name in outputs:
        record = dataclasses.replace(record, config=_with_training(record.config, outputs[TRAINER.name]["model"]))
    if BASELINE_LOCATOR.name in outputs:
        baseline = _properties(outputs[BASELINE_LOCATOR.name]["baseline"])
        record = dataclasses.replace(record, baseline=baseline.get(VERSION_PROPERTY))
    if EVALUATOR.name in outputs:
        record = _with_evaluation(record, outputs[EVALUATOR.name])
    if PUSHER.name in outputs:
        pushed = _properties(outputs[PUSHER.name]["pushed_model"])
        record = dataclasses.replace(record, pushed=pushed.get("pushed_destination") or None)
    return record


def with_push(record: RunRecord, outputs: Outputs, serving: Path) -> RunRecord:
    """Names the version also where the pusher failed after its push, as on a full disk: whoever serves has it."""
    if record.pushed or not record.blessed or TRAINER.name not in outputs:
        return record
    place = ServingDirectory(serving)
    newest, model = place.newest(), model_dir(outputs[TRAINER.name]["model"].uri)
    return dataclasses.replace(record, pushed=place.uri(newest)) if newest and place.holds(newest, model) else record


def pages_of(outputs: Outputs) -> Pages:
    """Finds the review, or at least the training's curves."""
    if EVALUATION_REVIEW.name in outputs:
        review = outputs[EVALUATION_REVIEW.name]
        return Pages(Path(review["tensorboard"].uri), Path(review["report"].uri))
    return Pages(Path(outputs[TRAINER.name]["model_run"].uri) if TRAINER.name in outputs else None, None)


def _outputs(store: MetadataStore, execution: int) -> dict[str, metadata_store_pb2.Artifact]:
    """The output artifacts of an execution by key, of which each has one."""
    events = [e for e in store.get_events_by_execution_ids([execution]) if e.type == metadata_store_pb2.Event.OUTPUT]
    keys = {event.artifact_id: event.path.steps[0].key for event in events}
    return {keys[artifact.id]: artifact for artifact in store.get_artifacts_by_id(list(keys))}


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("value")) for name, value in artifact.custom_properties.items()}


def _with_training(config: Mapping[str, Any], model: metadata_store_pb2.Artifact) -> dict[str, Any]:
    """The configuration with the hyperparameters in force: where none were given, the model's own."""
    properties = _properties(model)
    values = {name: kind(properties[name]) for name, kind in HYPERPARAMETERS.items()}
    return {**config, "training": {**config["training"], **values}}


def _with_evaluation(record: RunRecord, outputs: Mapping[str, metadata_store_pb2.Artifact]) -> RunRecord:
    evaluation = read_evaluation(outputs["evaluation"].uri)
    model = evaluation.model
    recall = {scores.name: scores.recall for scores in model.classes if scores.examples}
    return dataclasses.replace(
        record,
        metrics=metrics_of(model.overall.metrics, model.overall.examples, recall),
        blessed=bool(_properties(outputs["blessing"])["blessed"]),
        refusals=evaluation.refusals,
    )
