"""statistics-gen: TFX's StatisticsGen, with TFDV's statistics computed batch by batch and all splits at once."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.statistics.generators.stats_generator import CombinerStatsGenerator
from tensorflow_data_validation.utils import stats_util
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components import StatisticsGen as TfxStatisticsGen
from tfx.components.statistics_gen import executor as tfx_executor
from tfx.dsl.components.base import base_beam_executor, executor_spec
from tfx.types import Artifact, BaseChannel, artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils, stats_utils
from tfx_bsl.statistics import merge_util

from tfx_pipeline.data.records import record_batches
from tfx_pipeline.record.splits import split_files

logger = logging.getLogger(__name__)

EXAMPLES_KEY: Final = standard_component_specs.EXAMPLES_KEY
SCHEMA_KEY: Final = standard_component_specs.SCHEMA_KEY
STATISTICS_KEY: Final = standard_component_specs.STATISTICS_KEY

EVERY_EXAMPLE: Final = 1.0


class Statistics(beam.CombineFn):
    """TFDV's default statistics of record batches, those that the schema asks for included.

    TFDV itself combines the same generators. ``tfdv.GenerateStatistics`` puts over a hundred transforms around them,
    for slices, fan-out and counters, again for each split: more to build than the data is to read.
    The distinct values and the most frequent ones come from sketches, which are exact up to 1,024 values of a feature;
    labels in an IDX file have at most 256. Values of the same frequency come in the order of their text.
    """

    def __init__(self, schema: schema_pb2.Schema) -> None:
        """Takes the schema, serialized so that every runner can hand it on."""
        super().__init__()
        self._schema = schema.SerializeToString()
        self._generators: list[CombinerStatsGenerator] = []

    def setup(self, *_: Any, **__: Any) -> None:
        """Makes the generators."""
        options = StatsOptions(schema=schema_pb2.Schema.FromString(self._schema))
        self._generators = stats_impl.get_generators(options, in_memory=True)
        for generator in self._generators:
            generator.setup()

    def create_accumulator(self) -> list[Any]:
        """An empty accumulator for each generator."""
        return [generator.create_accumulator() for generator in self._generators]

    def add_input(self, accumulator: list[Any], batch: pa.RecordBatch) -> list[Any]:
        """Adds a batch of examples."""
        return [g.add_input(a, batch) for g, a in zip(self._generators, accumulator, strict=True)]

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        """Adds up."""
        columns = zip(*accumulators, strict=True)
        return [g.merge_accumulators(column) for g, column in zip(self._generators, columns, strict=True)]

    def compact(self, accumulator: list[Any]) -> list[Any]:
        """Makes the statistics small before they travel."""
        return [g.compact(a) for g, a in zip(self._generators, accumulator, strict=True)]

    def extract_output(self, accumulator: list[Any]) -> bytes:
        """The finished ``DatasetFeatureStatisticsList`` of one data set, serialized."""
        parts = [g.extract_output(a) for g, a in zip(self._generators, accumulator, strict=True)]
        return bytes(merge_util.merge_dataset_feature_statistics(parts).SerializeToString(deterministic=True))


class Executor(base_beam_executor.BaseBeamExecutor):
    """Computes the statistics of every split, and leaves the artifact as TFX's executor does."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Computes and writes the statistics.

        Args:
            input_dict: ``examples`` and ``schema``.
            output_dict: ``statistics``: FeatureStats.pb for each split.
            exec_properties: Those of TFX's StatisticsGen; ``StatisticsGen`` leaves them at their defaults.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES_KEY])
        statistics = artifact_utils.get_single_instance(output_dict[STATISTICS_KEY])
        splits = artifact_utils.decode_split_names(examples.split_names)
        _describe(statistics, examples, splits)
        files = split_files(examples, splits)
        outputs = {
            split: f"{artifact_utils.get_split_uri([statistics], split)}/{tfx_executor.DEFAULT_FILE_NAME}"
            for split in splits
        }
        schema_dir = artifact_utils.get_single_uri(input_dict[SCHEMA_KEY])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_dir))
        with self._make_beam_pipeline() as pipeline:
            compute_statistics(pipeline, files, schema, outputs)


def compute_statistics(
    pipeline: beam.Pipeline, files: list[tuple[str, str]], schema: schema_pb2.Schema, outputs: dict[str, str]
) -> None:
    """Adds the steps that compute the statistics of the splits: files in parallel, then sums.

    Args:
        pipeline: Where the steps are added.
        files: (split, path) of every file.
        schema: What kind of data a feature holds.
        outputs: The file to write for each split.
    """
    _ = (
        pipeline
        | "Files" >> beam.Create([*((split, "") for split in outputs), *files])
        | "Spread" >> beam.Reshuffle()
        | "Read" >> beam.FlatMapTuple(_read)
        | "Statistics" >> beam.CombinePerKey(Statistics(schema))
        | "Write" >> beam.MapTuple(lambda split, statistics: _write(outputs[split], statistics))
    )


def _read(split: str, path: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    # A split without any example has statistics, too.
    batches = record_batches(path) if path else [pa.record_batch({})]
    for batch in batches:
        yield split, batch


def _write(path: str, statistics: bytes) -> None:
    io_utils.write_bytes_file(path, statistics)
    logger.info("statistics written to %s", path)


def counted_examples(statistics: Artifact) -> dict[str, int]:
    """The number of examples of each split that its statistics were computed on."""
    counts = {}
    for split in artifact_utils.decode_split_names(statistics.split_names):
        uri = artifact_utils.get_split_uri([statistics], split)
        (loaded,) = stats_util.load_stats_binary(f"{uri}/{tfx_executor.DEFAULT_FILE_NAME}").datasets
        counts[split] = int(loaded.num_examples)
    return counts


def _describe(statistics: Artifact, examples: Artifact, splits: list[str]) -> None:
    """Gives the artifact every property that TFX's executor gives it."""
    statistics.split_names = artifact_utils.encode_split_names(splits)
    statistics.span = examples.span
    link = stats_utils.generate_stats_dashboard_link(statistics)
    statistics.set_string_custom_property(tfx_executor.STATS_DASHBOARD_LINK, link)
    rates = json_utils.dumps(dict.fromkeys(splits, EVERY_EXAMPLE))
    statistics.set_json_value_custom_property(tfx_executor.SAMPLE_RATE_BY_SPLIT_PROPERTY_NAME, rates)


class StatisticsGen(TfxStatisticsGen):
    """TFX's component with this executor; it has no options, so that no example is left out."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, *, examples: BaseChannel, schema: BaseChannel) -> None:
        """Makes a statistics-gen.

        Args:
            examples: Raw tf.Examples.
            schema: The curated schema.
        """
        super().__init__(examples=examples, schema=schema)
