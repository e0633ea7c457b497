"""The Beam pipeline that profiles the splits: files in parallel, then sums and common images."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio

from tfx_pipeline.gate.file_profile import DIGEST_BYTES, profile_file
from tfx_pipeline.gate.profile import SplitProfile

Pair = tuple[str, str]
"""The names of two splits."""


def profile_splits(pipeline: beam.Pipeline, files: Sequence[tuple[str, str]], result: str) -> None:
    """Profiles the splits of a data set.

    Args:
        pipeline: Where the steps are added.
        files: (split, path) of every file, the splits in the order that pairs are named in.
        result: The JSON file to write: ``profiles``, a ``SplitProfile.to_dict`` by split, and ``common``, a list of
            (first split, second split, number of distinct images in both).
    """
    order = list(dict.fromkeys(split for split, _path in files))
    profiles, digests = (
        pipeline
        | "Files" >> beam.Create(files)
        | "Spread" >> beam.Reshuffle()
        | "Profile" >> beam.FlatMap(_profile).with_outputs("digests", main="profiles")
    )
    merged = profiles | "Merge" >> beam.CombinePerKey(MergeProfiles())
    common = (
        digests
        | "ByBucket" >> beam.GroupByKey()
        | "CountCommon" >> beam.MapTuple(lambda _bucket, parts: count_common(order, parts))
        | "Sum" >> beam.CombineGlobally(_sum)
    )
    _ = (
        pipeline
        | "Once" >> beam.Create([result])
        | "Write" >> beam.Map(_write, beam.pvalue.AsDict(merged), beam.pvalue.AsSingleton(common))
    )


def _profile(file: tuple[str, str]) -> Iterator[Any]:
    split, path = file
    profile, digests = profile_file(path)
    yield split, profile
    for bucket, content in digests.items():
        yield beam.pvalue.TaggedOutput("digests", (bucket, (split, content)))


class MergeProfiles(beam.CombineFn):
    """Adds up the profiles of files."""

    def create_accumulator(self) -> SplitProfile:
        """An empty profile."""
        return SplitProfile()

    def add_input(self, accumulator: SplitProfile, profile: SplitProfile) -> SplitProfile:
        """Adds a file."""
        accumulator.merge(profile)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[SplitProfile]) -> SplitProfile:
        """Adds sums."""
        total = SplitProfile()
        for accumulator in accumulators:
            total.merge(accumulator)
        return total

    def extract_output(self, accumulator: SplitProfile) -> SplitProfile:
        """The sum."""
        return accumulator


def count_common(order: Sequence[str], parts: Iterable[tuple[str, bytes]]) -> Counter[Pair]:
    """Counts the distinct images that two splits have in common.

    Args:
        order: The splits in the order that pairs are named in.
        parts: (split, digests one after the other), of one bucket.

    Returns:
        The number for each pair of splits.
    """
    digests: dict[str, set[bytes]] = {split: set() for split in order}
    for split, content in parts:
        digests[split].update(content[i : i + DIGEST_BYTES] for i in range(0, len(content), DIGEST_BYTES))
    return Counter({pair: len(digests[pair[0]] & digests[pair[1]]) for pair in combinations(order, 2)})


def _sum(counters: Iterable[Counter[Pair]]) -> Counter[Pair]:
    return sum(counters, Counter())


def _write(path: str, profiles: dict[str, SplitProfile], common: Counter[Pair]) -> None:
    content = {
        "profiles": {split: profile.to_dict() for split, profile in profiles.items()},
        "common": [[*pair, count] for pair, count in common.items()],
    }
    with fileio.open(path, "w") as file:
        file.write(json.dumps(content))
