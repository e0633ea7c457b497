"""Reads what TFDV computed of each split."""

from collections.abc import Iterator
from typing import Final

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules.dataset import DATASET
from modules.features import LABEL_KEY
from tfx_pipeline.review.content import SplitStatistics

STATISTICS_FILE: Final = "FeatureStats.pb"


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
    counts = [0.0] * len(DATASET.class_names)
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
        if sizes.unique:
            yield f"{name}: distinct", f"{sizes.unique:,}"
    if kind == "string_stats":
        yield f"{name}: distinct", f"{feature.string_stats.unique:,}"
    if kind == "num_stats":
        yield f"{name}: smallest", f"{feature.num_stats.min:g}"
        yield f"{name}: largest", f"{feature.num_stats.max:g}"
