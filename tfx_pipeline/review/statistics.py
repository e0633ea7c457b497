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
    """Counts the labels by class; the schema makes them categories."""
    counts = [0.0] * DATASET.num_classes
    for bucket in label.string_stats.rank_histogram.buckets if label else ():
        if bucket.label.isdecimal() and int(bucket.label) < len(counts):
            counts[int(bucket.label)] += bucket.sample_count
    return tuple(round(count) for count in counts)


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
