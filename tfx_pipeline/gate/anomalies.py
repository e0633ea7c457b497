"""What ExampleValidator found, as checks of the data gate."""

from collections.abc import Iterator
from typing import Final

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_pipeline.gate.check import Check

REASON: Final = "the curated schema, tfx_pipeline/config/schema.pbtxt, describes each feature"


def checks_of(split: str, anomalies: anomalies_pb2.Anomalies) -> Iterator[Check]:
    """Turns the anomalies of one split into failed checks, those of the data set first.

    Args:
        split: Its name.
        anomalies: What ExampleValidator recorded.

    Yields:
        A check for each; its figure is the number of reasons that the validator gives.
    """
    if anomalies.HasField("dataset_anomaly_info"):
        yield _check("", split, anomalies.dataset_anomaly_info)
    for feature in sorted(anomalies.anomaly_info):
        yield _check(feature, split, anomalies.anomaly_info[feature])


def _check(feature: str, split: str, info: anomalies_pb2.AnomalyInfo) -> Check:
    subject = f"feature {feature}" if feature else "the data set"
    note = " ".join(info.description.split())
    figure = max(1, len(info.reason))
    return Check(
        f"schema anomalies of {subject}", split, figure, "count", high=0, reason=REASON, note=note, feature=feature
    )
