"""data-gate: stops the run before training when the data is not what the schema says."""

from tfx.dsl.component.experimental.annotations import InputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import ExampleAnomalies

from tfx_pipeline.steps.data_gate import refuse_anomalies


@component
def DataGate(anomalies: InputArtifact[ExampleAnomalies]) -> None:  # noqa: N802 - TFX names components like classes
    """Raises when ExampleValidator, which only records, recorded anomalies in any split; see ``refuse_anomalies``."""
    refuse_anomalies(anomalies)
