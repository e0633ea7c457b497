"""TFMA extractors that predict examples and pass them on in batches of one class each.

TFMA's own extractors pass on single examples, and each of them for every slice. The slices of this pipeline
are the classes, so a batch of examples of one class belongs to the same slices as each of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.extractors import (
    extractor,
    features_extractor,
    labels_extractor,
    predictions_extractor,
    slice_key_extractor,
)
from tensorflow_model_analysis.proto import config_pb2
from tfx_bsl.tfxio import tensor_adapter

from modules.features import LABEL_KEY
from tfx_pipeline.evaluation import metrics

BATCH_SIZE: Final = 1_000
"""Examples predicted at once."""

PREDICTION: Final = "probabilities"
"""What of the model's outputs the metrics are computed from."""

SIGNATURE_INPUT: Final = "examples"
"""What ``serving_default`` calls the serialized examples."""


def custom_extractors(
    eval_shared_model: types.MaybeMultipleEvalSharedModels,
    eval_config: config_pb2.EvalConfig,
    tensor_adapter_config: tensor_adapter.TensorAdapterConfig,
) -> list[extractor.Extractor] | None:
    """Lists the extractors; TFX's Evaluator finds this function by its name.

    Args:
        eval_shared_model: The model, or the model and the baseline.
        eval_config: What is measured.
        tensor_adapter_config: How the examples are stored.

    Returns:
        None, which stands for TFMA's own extractors, where a metric or a slice needs single examples.
    """
    if not _by_class_suffices(eval_config):
        return None
    return [
        extractor.Extractor("CollectBatches", _CollectBatches()),
        features_extractor.FeaturesExtractor(eval_config, tensor_adapter_config.tensor_representations),
        extractor.Extractor("NameInput", beam.Map(_name_input)),
        labels_extractor.LabelsExtractor(eval_config),
        predictions_extractor.PredictionsExtractor(eval_config, eval_shared_model),
        extractor.Extractor("MarkNotFinite", beam.Map(mark_not_finite)),
        extractor.Extractor("SplitByClass", beam.FlatMap(split_by_class)),
        slice_key_extractor.SliceKeyExtractor(eval_config=eval_config, materialize=False),
    ]


def _by_class_suffices(eval_config: config_pb2.EvalConfig) -> bool:
    """Whether every metric takes batches, and every slice is of whole classes."""
    modules = {metric.module for spec in eval_config.metrics_specs for metric in spec.metrics}
    features = {key for spec in eval_config.slicing_specs for key in (*spec.feature_keys, *spec.feature_values)}
    return modules == {metrics.__name__} and features <= {LABEL_KEY}


class _CollectBatches(beam.PTransform):
    """Merges TFX's batches, which start small and adapt their size to the time that they take."""

    def expand(self, extracts: beam.PCollection[types.Extracts]) -> beam.PCollection[types.Extracts]:
        return (
            extracts
            | beam.BatchElements(BATCH_SIZE, BATCH_SIZE, element_size_fn=_rows)
            | "Concatenate" >> beam.Map(_concatenate)
        )


def _rows(extracts: types.Extracts) -> int:
    return int(extracts[tfma.ARROW_RECORD_BATCH_KEY].num_rows)


def _concatenate(batches: list[types.Extracts]) -> types.Extracts:
    table = pa.Table.from_batches([extracts[tfma.ARROW_RECORD_BATCH_KEY] for extracts in batches])
    (batch,) = table.combine_chunks().to_batches()
    return {**batches[0], tfma.ARROW_RECORD_BATCH_KEY: batch}


def _name_input(extracts: types.Extracts) -> types.Extracts:
    """Passes the model's input by name: passed by position, every byte is first printed into a discarded error."""
    features = {**extracts[tfma.FEATURES_KEY], SIGNATURE_INPUT: extracts[tfma.INPUT_KEY]}
    return {**extracts, tfma.FEATURES_KEY: features}


def mark_not_finite(extracts: types.Extracts) -> types.Extracts:
    """Takes the probabilities from examples for which any output is not finite, so that the metrics count them.

    Args:
        extracts: A batch with predictions.

    Returns:
        The batch; those examples' probabilities are NaN.
    """
    return {**extracts, tfma.PREDICTIONS_KEY: _marked(extracts[tfma.PREDICTIONS_KEY])}


def _marked(predictions: Mapping[str, Any]) -> dict[str, Any]:
    if PREDICTION not in predictions:  # one level for each model
        return {name: _marked(of_model) for name, of_model in predictions.items()}
    numbers = [values for values in predictions.values() if np.issubdtype(values.dtype, np.floating)]
    finite = np.all([np.isfinite(values).reshape(len(values), -1).all(axis=1) for values in numbers], axis=0)
    probabilities = predictions[PREDICTION]
    return {**predictions, PREDICTION: np.where(finite[:, np.newaxis], probabilities, np.nan)}


def split_by_class(extracts: types.Extracts) -> Iterator[types.Extracts]:
    """Splits a batch into one for each class in it, without the features that only the model needs.

    Args:
        extracts: A batch with features, labels and predictions.

    Yields:
        Labels and predictions of the examples of one class, and that class as the only feature, for slicing.
    """
    labels = np.asarray(extracts[tfma.FEATURES_KEY][LABEL_KEY]).reshape(-1)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        yield {
            tfma.FEATURES_KEY: {LABEL_KEY: np.array([label])},
            **{key: _take(extracts[key], rows) for key in (tfma.LABELS_KEY, tfma.PREDICTIONS_KEY)},
        }


def _take(values: Any, rows: np.ndarray) -> Any:
    """Selects rows of arrays that may be nested by model and by output."""
    if isinstance(values, Mapping):
        return {key: _take(value, rows) for key, value in values.items()}
    return values[rows]
