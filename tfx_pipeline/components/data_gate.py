"""data-gate: stops the run before training when the data is not what the schema says."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

from tensorflow_data_validation.utils import anomalies_util
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies

from tfx_pipeline.errors import UserError

logger = logging.getLogger(__name__)


class DataGateError(UserError):
    """The data has anomalies; the message names the first and says how many there are."""


class Anomaly(NamedTuple):
    """One difference between the data and the schema."""

    split: str
    feature: str
    description: str

    def __str__(self) -> str:
        return f"{self.feature} in {self.split}: {self.description}"


def anomalies_of(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[Anomaly]:
    """Lists what ExampleValidator found in one split, the data set's own anomalies first."""
    if anomalies.HasField("dataset_anomaly_info"):
        yield Anomaly(split, "data set", anomalies.dataset_anomaly_info.description)
    for feature in sorted(anomalies.anomaly_info):
        yield Anomaly(split, feature, anomalies.anomaly_info[feature].description)


def check(anomalies: list[Anomaly]) -> None:
    """Refuses data with anomalies.

    Args:
        anomalies: Of all splits.

    Raises:
        DataGateError: There is at least one.
    """
    if anomalies:
        count = "1 anomaly" if len(anomalies) == 1 else f"{len(anomalies)} anomalies"
        raise DataGateError(f"data gate: {count}; first: {anomalies[0]}; correct the data or the schema and run again")


@component
def DataGate(anomalies: InputArtifact[ExampleAnomalies]) -> None:  # noqa: N802 - TFX names components like classes
    """Raises when ExampleValidator, which only records, recorded anomalies in any split.

    Args:
        anomalies: ExampleValidator's output.

    Raises:
        DataGateError: There are anomalies.
    """
    found: list[Anomaly] = []
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        uri = artifact_utils.get_split_uri([anomalies], split)
        found += anomalies_of(split, anomalies_util.load_anomalies_binary(f"{uri}/SchemaDiff.pb"))
    for anomaly in found:
        logger.error("anomaly: %s", anomaly)
    check(found)
