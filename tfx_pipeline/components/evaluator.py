"""evaluator: TFX's Evaluator with each threshold as a parameter, and without a baseline where none was pushed yet."""

import logging
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import (
    Artifact,
    BaseChannel,
    artifact_utils,
    channel_utils,
    component_spec,
    standard_artifacts,
    standard_component_specs,
)
from tfx.utils import json_utils, path_utils, proto_utils

from modules.dataset import DATASET
from tfx_pipeline.components.example_gen import serialize
from tfx_pipeline.config.evaluation import EvaluationConfig
from tfx_pipeline.evaluation import extractors
from tfx_pipeline.evaluation.configuration import eval_config
from tfx_pipeline.evaluation.results import Evaluation, read_evaluation
from tfx_pipeline.process.errors import one_line
from tfx_pipeline.record.properties import data_origin, hyperparameters, training_end, tuned
from tfx_pipeline.record.splits import require_all
from tfx_pipeline.record.versions import versions
from tfx_pipeline.review.model_card import model_card
from tfx_pipeline.serving.versions import MODEL_CARD, SAVED_MODEL
from tfx_pipeline.steps.baseline_locator import URI_PROPERTY, unfit
from tfx_pipeline.steps.table import EVALUATOR

logger = logging.getLogger(__name__)

SCHEMA_KEY: Final = standard_component_specs.SCHEMA_KEY
BASELINE_MODEL_KEY: Final = standard_component_specs.BASELINE_MODEL_KEY
EVALUATED_SPLIT: Final = "eval"


class EvaluatorSpec(component_spec.ComponentSpec):
    """Evaluator's contract, with thresholds that Kubeflow can ask for on its "Create run" page."""

    PARAMETERS = {  # noqa: RUF012 - TFX's form
        name: component_spec.ExecutionParameter(type=float) for name in EvaluationConfig.model_fields
    }
    INPUTS = {  # noqa: RUF012
        standard_component_specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        standard_component_specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {  # noqa: RUF012
        standard_component_specs.EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
        standard_component_specs.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Executor(tfx_executor.Executor):
    """Evaluates with or without a baseline.

    TFX decides by the presence of a baseline artifact, and fails where the artifact holds no model.
    """

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates and blesses the model, and writes its card beside TFMA's results.

        See ``EvaluatorSpec`` for the keys of the three dictionaries.

        Raises:
            UserError: A threshold is not what the configuration allows, TensorFlow cannot use the baseline, or the
                model was evaluated on other examples than example-gen wrote.
        """
        inputs = dict(input_dict)
        has_baseline = _holds_model(inputs.get(BASELINE_MODEL_KEY))
        if not has_baseline:
            inputs.pop(BASELINE_MODEL_KEY, None)
        thresholds = EvaluationConfig.checked({name: exec_properties[name] for name in EvaluationConfig.model_fields})
        config = eval_config(thresholds, has_baseline=has_baseline)
        properties = {
            **exec_properties,
            standard_component_specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config),
            standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps([EVALUATED_SPLIT]),
            standard_component_specs.MODULE_PATH_KEY: extractors.__name__,
        }
        try:
            super().Do(inputs, output_dict, properties)
        except Exception as error:
            if has_baseline:
                _require_usable(artifact_utils.get_single_instance(inputs[BASELINE_MODEL_KEY]), error)
            raise
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        found = _read(uri, artifact_utils.get_single_instance(inputs[standard_component_specs.EXAMPLES_KEY]))
        try:
            _write_card(inputs, found, uri)
        except Exception:
            # A verdict without a card is better than none.
            logger.exception("the model card cannot be written; the model will be pushed without one")


def _read(evaluation_uri: str, examples: Artifact) -> Evaluation:
    """Reads what TFMA found, which must be of every example."""
    try:
        found = read_evaluation(evaluation_uri)
    except ValueError:  # of no example at all, TFMA leaves no metric
        require_all(EVALUATOR.name, examples, {EVALUATED_SPLIT: 0})
        raise
    require_all(EVALUATOR.name, examples, {EVALUATED_SPLIT: found.model.overall.examples})
    return found


def _write_card(inputs: dict[str, list[Artifact]], found: Evaluation, evaluation_uri: str) -> None:
    """Writes the card here, since the pusher, which publishes it, has no TensorFlow to read the results with."""
    model = artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY])
    card = model_card(
        model=found.model,
        baseline=found.baseline,
        hyperparameters=hyperparameters(model),
        training_end=training_end(model),
        tuned=tuned(model),
        data=data_origin(artifact_utils.get_single_instance(inputs[standard_component_specs.EXAMPLES_KEY])),
        versions=tuple(versions().items()),
    )
    Path(evaluation_uri, MODEL_CARD).write_text(card, encoding="utf-8")


def _holds_model(baseline: list[Artifact] | None) -> bool:
    if not baseline:
        return False
    directory = path_utils.serving_model_path(artifact_utils.get_single_uri(baseline))
    return Path(directory, SAVED_MODEL).is_file()


def _require_usable(baseline: Artifact, failure: Exception) -> None:
    """Finds out whether an evaluation failed because of a baseline that has all its files, such as one cut short.

    Args:
        baseline: The baseline's artifact.
        failure: What the evaluation raised.

    Raises:
        UserError: The baseline cannot be loaded, or gives no answer for an image.
    """
    image = tf.constant([serialize(bytes(DATASET.image_bytes), 0)])
    try:
        model = tf.saved_model.load(path_utils.serving_model_path(baseline.uri))
        model.signatures["serving_default"](**{extractors.SIGNATURE_INPUT: image})
    except Exception as error:
        logger.exception("the baseline cannot be used")
        problem = f"TensorFlow cannot use it ({one_line(error)})"
        raise unfit(baseline.get_string_custom_property(URI_PROPERTY) or baseline.uri, problem) from failure


class Evaluator(base_beam_component.BaseBeamComponent):
    """Computes TFMA's metrics, compares them with thresholds and the baseline, and blesses the model or refuses it."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: BaseChannel,
        model: BaseChannel,
        baseline_model: BaseChannel,
        schema: BaseChannel,
        thresholds: Any,
    ) -> None:
        """Makes an evaluator.

        Args:
            examples: Raw tf.Examples with a split ``eval``.
            model: The model to judge.
            baseline_model: baseline-locator's output, with or without a model in it.
            schema: The schema of the examples.
            thresholds: An ``EvaluationConfig``, or one that has run parameters for its values.
        """
        super().__init__(
            EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                evaluation=channel_utils.as_channel([standard_artifacts.ModelEvaluation()]),
                blessing=channel_utils.as_channel([standard_artifacts.ModelBlessing()]),
                **{name: getattr(thresholds, name) for name in EvaluationConfig.model_fields},
            )
        )
