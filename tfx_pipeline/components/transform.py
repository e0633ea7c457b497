"""transform: TFX's Transform, which stops where it analysed other examples than example-gen wrote."""

import logging
from typing import Any, Final

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from tfx.components import Transform as TfxTransform
from tfx.components.transform import executor as tfx_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import Artifact, artifact_utils, standard_component_specs

from tfx_pipeline.record.splits import require_all
from tfx_pipeline.steps.table import TRANSFORM

logger = logging.getLogger(__name__)

ANALYZED_SPLIT: Final = "train"
_COUNTER: Final = "-num_raw_records"
"""How the name of TFXIO's counter of the examples that it read ends, after words on their format."""


class Executor(tfx_executor.Executor):
    """Compares what Beam counted; without analyzers in ``preprocessing_fn``, no examples are read and none counted."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the transform graph; the dictionaries are those of TFX's executor.

        Raises:
            UserError: Other examples were analysed than example-gen wrote.
        """
        self._pipelines: list[beam.Pipeline] = []
        super().Do(input_dict, output_dict, exec_properties)
        counted = [counter for pipeline in self._pipelines for counter in _counters(pipeline)]
        if counted:  # a runner that counts, counts more than examples
            read = sum(counter.result for counter in counted if counter.key.metric.name.endswith(_COUNTER))
            examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
            require_all(TRANSFORM.name, examples, {ANALYZED_SPLIT: read})

    def _make_beam_pipeline(self) -> beam.Pipeline:
        pipeline = super()._make_beam_pipeline()
        self._pipelines.append(pipeline)
        return pipeline


def _counters(pipeline: beam.Pipeline) -> list[Any]:
    """All that a pipeline counted; TFX's reads the examples of the analysed split alone."""
    try:
        counters: list[Any] = pipeline.result.metrics().query(MetricsFilter())["counters"]
    except Exception:  # a remote runner may have none, or its server may be gone with the job
        logger.warning("the runner does not say how many examples it read", exc_info=True)
        return []
    return counters


class Transform(TfxTransform):
    """TFX's component with this executor."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
