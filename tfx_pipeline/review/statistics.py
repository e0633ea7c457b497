"""Reads what TFDV found: the statistics of each split, and what the data gate made of them."""

from collections.abc import Iterator
from typing import Final

import tensorflow_data_validation as tfdv
from tensorflow_data_validation.utils import anomalies_util
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from modules.features import CLASS_NAMES, LABEL_KEY
from tfx_pipeline.review.data import Check, SplitStatistics

STATISTICS_FILE: Final = "FeatureStats.pb"
ANOMALIES_FILE: Final = "SchemaDiff.pb"
SCHEMA_FILE: Final = "schema.pbtxt"


def read_statistics(split: str, split_uri: str) -> SplitStatistics:
    """Reads the statistics of one split.

    Args:
        split: Its name.
        split_uri: Its directory in the ``ExampleStatistics`` artifact.

    Returns:
        The number of examples, of each class, and a few figures of each feature.
    """
    statistics = tfdv.load_stats_binary(f"{split_uri}/{STATISTICS_FILE}").datasets[0]
    features = {_name(feature): feature for feature in statistics.features}
    return SplitStatistics(
        name=split,
        examples=int(statistics.num_examples),
        class_counts=_class_counts(features.get(LABEL_KEY)),
        rows=tuple(row for name in sorted(features) for row in _rows(name, features[name])),
    )


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or ".".join(feature.path.step)


def _class_counts(label: statistics_pb2.FeatureNameStatistics | None) -> tuple[int, ...]:
    """Counts the labels by class, from the values of a categorical feature or the histogram of a numeric one."""
    counts = [0.0] * len(CLASS_NAMES)
    if label is None:
        return tuple(int(count) for count in counts)
    if label.HasField("string_stats"):
        for bucket in label.string_stats.rank_histogram.buckets:
            if bucket.label.isdecimal() and int(bucket.label) < len(counts):
                counts[int(bucket.label)] += bucket.sample_count
    for histogram in label.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            _spread(histogram, counts)
    return tuple(round(count) for count in counts)


def _spread(histogram: statistics_pb2.Histogram, counts: list[float]) -> None:
    """Gives each bucket's count to the one label in it; TFDV has as many buckets as there are classes."""
    last = len(histogram.buckets) - 1
    for index, bucket in enumerate(histogram.buckets):
        labels = [
            label
            for label in range(len(counts))
            if bucket.low_value <= label < bucket.high_value or (index == last and label == bucket.high_value)
        ]
        if labels:
            counts[labels[0]] += bucket.sample_count


def _rows(name: str, feature: statistics_pb2.FeatureNameStatistics) -> Iterator[tuple[str, str]]:
    kind = feature.WhichOneof("stats")
    if kind is None:
        return
    common = getattr(feature, kind).common_stats
    yield f"{name}: missing", f"{common.num_missing:,}"
    if kind == "bytes_stats":
        sizes = feature.bytes_stats
        yield f"{name}: bytes, smallest", f"{sizes.min_num_bytes:,.0f}"
        yield f"{name}: bytes, largest", f"{sizes.max_num_bytes:,.0f}"
        yield f"{name}: distinct", f"{sizes.unique:,}" if sizes.unique else "not counted"
    if kind == "string_stats":
        yield f"{name}: distinct", f"{feature.string_stats.unique:,}"
        yield f"{name}: bytes, average", f"{feature.string_stats.avg_length:,.0f}"
    if kind == "num_stats":
        yield f"{name}: smallest", f"{feature.num_stats.min:g}"
        yield f"{name}: largest", f"{feature.num_stats.max:g}"


def read_schema(schema_uri: str) -> schema_pb2.Schema:
    """Reads the schema that the data was checked against."""
    return tfdv.load_schema_text(f"{schema_uri}/{SCHEMA_FILE}")


def read_checks(split: str, split_uri: str, schema: schema_pb2.Schema) -> list[Check]:
    """Lists what the data gate checked in one split.

    Args:
        split: Its name.
        split_uri: Its directory in the ``ExampleAnomalies`` artifact.
        schema: What the data was compared with.

    Returns:
        A check for each feature of the schema, and one for each anomaly of something else.
    """
    anomalies = anomalies_util.load_anomalies_binary(f"{split_uri}/{ANOMALIES_FILE}")
    found = anomalies.anomaly_info
    checks = [_check(split, feature, found) for feature in schema.feature]
    others = sorted(set(found) - {feature.name for feature in schema.feature})
    checks += [Check(name, split, "not in the schema", found[name].description, passed=False) for name in others]
    if anomalies.HasField("dataset_anomaly_info"):
        checks.append(Check("data set", split, "", anomalies.dataset_anomaly_info.description, passed=False))
    return checks


def _check(split: str, feature: schema_pb2.Feature, found: dict[str, anomalies_pb2.AnomalyInfo]) -> Check:
    anomaly = found[feature.name].description if feature.name in found else ""
    return Check(feature.name, split, _expectation(feature), anomaly or "as expected", passed=not anomaly)


def _expectation(feature: schema_pb2.Feature) -> str:
    parts = [schema_pb2.FeatureType.Name(feature.type).lower()]
    if feature.HasField("int_domain"):
        parts.append(f"{feature.int_domain.min} to {feature.int_domain.max}")
    if feature.presence.min_fraction:
        parts.append(f"in {feature.presence.min_fraction:.0%} of the examples")
    return ", ".join(parts)
