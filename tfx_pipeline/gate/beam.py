"""The Beam pipeline that profiles the splits: files in parallel, then sums and common images."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio

from tfx_pipeline.gate.file_profile import profile_file
from tfx_pipeline.gate.likeness import Likeness
from tfx_pipeline.gate.near_images import NearImages, Signatures, find_near_images
from tfx_pipeline.gate.profile import SplitProfile
from tfx_pipeline.gate.repetitions import Repetitions, find_repetitions


def profile_splits(
    pipeline: beam.Pipeline, files: Sequence[tuple[str, str]], result: str, likeness: Likeness | None = None
) -> None:
    """Profiles the splits of a data set.

    Args:
        pipeline: Where the steps are added.
        files: (split, path) of every file, the splits in the order that pairs are named in.
        result: The JSON file to write: ``profiles``, a ``SplitProfile.to_dict`` by split, and ``common``, a list of
            (first split, second split, number of distinct images in both), and ``near``, what ``NearImages`` holds.
        likeness: How like each class an image is; None where it is not known what each class looks like.
    """
    order = list(dict.fromkeys(split for split, _path in files))
    profiles, records, signatures = (
        pipeline
        | "Files" >> beam.Create(files)
        | "Spread" >> beam.Reshuffle()
        | "Profile" >> beam.FlatMap(_profile, likeness).with_outputs("records", "signatures", main="profiles")
    )
    merged = profiles | "Merge" >> beam.CombinePerKey(MergeProfiles())
    repetitions = (
        records
        | "ByBucket" >> beam.GroupByKey()
        | "Compare" >> beam.MapTuple(lambda _bucket, parts: find_repetitions(order, parts))
        | "Sum" >> beam.CombineGlobally(Repetitions.total)
    )
    near = (
        signatures
        | "AllSignatures" >> beam.combiners.ToList()
        | "CompareNear" >> beam.Map(lambda parts: find_near_images(order, parts))
    )
    _ = (
        pipeline
        | "Once" >> beam.Create([result])
        | "Write"
        >> beam.Map(
            _write,
            beam.pvalue.AsDict(merged),
            beam.pvalue.AsSingleton(repetitions),
            beam.pvalue.AsSingleton(near),
        )
    )


def _profile(file: tuple[str, str], likeness: Likeness | None) -> Iterator[Any]:
    split, path = file
    of_file = profile_file(path, likeness)
    yield split, of_file.profile
    for bucket, content in of_file.records.items():
        yield beam.pvalue.TaggedOutput("records", (bucket, (split, content)))
    signatures = Signatures(split, path, of_file.profile.examples, of_file.rows, of_file.signatures)
    yield beam.pvalue.TaggedOutput("signatures", signatures)


class MergeProfiles(beam.CombineFn):
    """Adds up the profiles of files; the accumulators are exact."""

    def create_accumulator(self) -> SplitProfile:
        """An empty profile."""
        return SplitProfile().exact()

    def add_input(self, accumulator: SplitProfile, profile: SplitProfile) -> SplitProfile:
        """Adds a file."""
        accumulator.merge(profile.exact())
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[SplitProfile]) -> SplitProfile:
        """Adds sums."""
        total = self.create_accumulator()
        for accumulator in accumulators:
            total.merge(accumulator)
        return total

    def extract_output(self, accumulator: SplitProfile) -> SplitProfile:
        """The sum."""
        return accumulator.in_floats()


def _write(path: str, profiles: dict[str, SplitProfile], repetitions: Repetitions, near: NearImages) -> None:
    content = {
        "profiles": {
            split: replace(
                profile,
                repeats=repetitions.repeats[split],
                contradictions=repetitions.contradictions[split],
            ).to_dict()
            for split, profile in profiles.items()
        },
        "common": [[*pair, count] for pair, count in repetitions.common.items()],
        "near": near.to_json(),
    }
    with fileio.open(path, "w") as file:
        file.write(json.dumps(content))
