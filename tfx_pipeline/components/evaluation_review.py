"""evaluation-review: shows the evaluation in TensorBoard, as a page, and in the Kubeflow page."""

import logging
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import Artifact, BaseChannel, artifact_utils, channel_utils, component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import path_utils

from tfx_pipeline.components.evaluator import EVALUATED_SPLIT
from tfx_pipeline.record import system_types
from tfx_pipeline.record.properties import data_origin, hyperparameters, training_end, tuned
from tfx_pipeline.review import kubeflow_writer, markdown
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.inputs import ReviewInputs, read_review
from tfx_pipeline.review.report_writer import write_report
from tfx_pipeline.review.tensorboard_writer import write_tensorboard
from tfx_pipeline.steps.baseline_locator import CHOICE_PROPERTY, version_of

logger = logging.getLogger(__name__)

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

DATA_GATE_KEY: Final = "data_gate"
TENSORBOARD_KEY: Final = "tensorboard"
REPORT_KEY: Final = "report"
SUMMARY_KEY: Final = "summary"
METRICS_KEY: Final = "metrics"
CLASSIFICATION_METRICS_KEY: Final = "classification_metrics"


class EvaluationReviewSpec(component_spec.ComponentSpec):
    """evaluation-review's contract: it reads everything and decides nothing."""

    PARAMETERS: dict[str, component_spec.ExecutionParameter] = {}  # noqa: RUF012 - TFX's form
    INPUTS = {  # noqa: RUF012
        keys.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        keys.STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        DATA_GATE_KEY: component_spec.ChannelParameter(type=standard_artifacts.JsonValue),
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.MODEL_RUN_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        keys.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        keys.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        keys.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {  # noqa: RUF012
        TENSORBOARD_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        REPORT_KEY: component_spec.ChannelParameter(type=system_types.HTML),
        SUMMARY_KEY: component_spec.ChannelParameter(type=system_types.Markdown),
        METRICS_KEY: component_spec.ChannelParameter(type=system_types.Metrics),
        CLASSIFICATION_METRICS_KEY: component_spec.ChannelParameter(type=system_types.ClassificationMetrics),
    }


class TunedReviewSpec(EvaluationReviewSpec):
    """The contract behind a tuner."""

    INPUTS = {  # noqa: RUF012
        **EvaluationReviewSpec.INPUTS,
        keys.TUNER_RESULTS_KEY: component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class ReviewError(Exception):
    """The review failed; the message repeats the verdict, which still stands."""


class Executor(base_executor.BaseExecutor):
    """Reads the review once and hands it to every writer."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the review; see ``EvaluationReviewSpec`` for the keys of the dictionaries.

        The pusher does not wait for this component: a review that fails costs neither the verdict nor the push.

        Raises:
            ReviewError: A part of the review cannot be read or written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        inputs = _review_inputs(input_dict)
        verdict = "blessed" if inputs.blessed else "refused"
        try:
            review = read_review(inputs)
            logger.info("%s Accuracy %s", review.verdict.headline, markdown.accuracy(review.model.overall))
            _write(review, output_dict, inputs.training_logs, self._run_id(output_dict))
        except Exception as error:
            raise ReviewError(
                f"the evaluation cannot be shown ({type(error).__name__}: {error}); "
                f"the evaluator's verdict stands: the model is {verdict}"
            ) from error

    def _run_id(self, output_dict: dict[str, list[Artifact]]) -> str:
        run_id = self._context.pipeline_run_id if self._context else None
        return run_id or run_id_of(artifact_utils.get_single_uri(output_dict[TENSORBOARD_KEY]))


def run_id_of(uri: str) -> str:
    """The run that an artifact is of: on Kubeflow its place is ``ROOT/PIPELINE/RUN/STEP/EXECUTION/NAME``."""
    path = PurePosixPath(uri)
    ids = [part for part in path.parts if _UUID.fullmatch(part)]
    return (ids[-2:] or [path.name])[0]


def _write(review: Review, output_dict: dict[str, list[Artifact]], training_logs: str, run_id: str) -> None:
    outputs = {key: artifact_utils.get_single_instance(artifacts) for key, artifacts in output_dict.items()}
    write_report(review, outputs[REPORT_KEY].uri)
    write_tensorboard(review, outputs[TENSORBOARD_KEY].uri, training_logs, run_id)
    kubeflow_writer.write_markdown(review, outputs[SUMMARY_KEY].uri)
    kubeflow_writer.write_metrics(review, outputs[METRICS_KEY])
    kubeflow_writer.write_classification_metrics(review, outputs[CLASSIFICATION_METRICS_KEY])


def _review_inputs(input_dict: dict[str, list[Artifact]]) -> ReviewInputs:
    inputs = {key: artifact_utils.get_single_instance(found) for key, found in input_dict.items() if found}
    baseline = inputs.get(keys.BASELINE_MODEL_KEY)
    return ReviewInputs(
        evaluation=inputs[keys.EVALUATION_KEY].uri,
        blessed=bool(inputs[keys.BLESSING_KEY].get_int_custom_property("blessed")),
        baseline=version_of(baseline) if baseline else None,
        choice=baseline.get_string_custom_property(CHOICE_PROPERTY) if baseline else "",
        model=path_utils.serving_model_path(inputs[keys.MODEL_KEY].uri),
        examples=sorted(str(file) for file in Path(_split_uri(inputs[keys.EXAMPLES_KEY], EVALUATED_SPLIT)).iterdir()),
        statistics=_split_uris(inputs[keys.STATISTICS_KEY]),
        data_gate=inputs[DATA_GATE_KEY].read(),
        training_logs=inputs[keys.MODEL_RUN_KEY].uri,
        hyperparameters=hyperparameters(inputs[keys.MODEL_KEY]),
        training_end=training_end(inputs[keys.MODEL_KEY]),
        data=data_origin(inputs[keys.EXAMPLES_KEY]),
        tuned=tuned(inputs[keys.MODEL_KEY]),
        tuner_results=inputs[keys.TUNER_RESULTS_KEY].uri if keys.TUNER_RESULTS_KEY in inputs else "",
    )


def _split_uri(artifact: Artifact, split: str) -> str:
    return str(artifact_utils.get_split_uri([artifact], split))


def _split_uris(artifact: Artifact) -> dict[str, str]:
    return {split: _split_uri(artifact, split) for split in artifact_utils.decode_split_names(artifact.split_names)}


class EvaluationReview(base_component.BaseComponent):
    """Shows what the evaluator found; nothing depends on it."""

    SPEC_CLASS = EvaluationReviewSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, **inputs: BaseChannel) -> None:
        """Makes a review.

        Args:
            **inputs: A channel for each input of ``EvaluationReviewSpec``, or of ``TunedReviewSpec``.
        """
        super().__init__(
            (TunedReviewSpec if keys.TUNER_RESULTS_KEY in inputs else EvaluationReviewSpec)(
                **inputs,
                **{
                    key: channel_utils.as_channel([output.type()])
                    for key, output in EvaluationReviewSpec.OUTPUTS.items()
                },
            )
        )
