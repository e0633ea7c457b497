"""Stops the run before training when the data is not what the schema says."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_pipeline.errors import UserError
from tfx_pipeline.steps.artifact import Splits

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


def refuse_anomalies(anomalies: Splits) -> None:
    """Refuses data in which ExampleValidator, which only records, recorded anomalies in any split.

    Args:
        anomalies: ExampleValidator's output.

    Raises:
        DataGateError: There are anomalies.
    """
    found: list[Anomaly] = []
    for split in json.loads(anomalies.split_names):
        content = Path(anomalies.uri, f"Split-{split}", "SchemaDiff.pb").read_bytes()
        found += anomalies_of(split, anomalies_pb2.Anomalies.FromString(content))
    for anomaly in found:
        logger.error("anomaly: %s", anomaly)
    check(found)
