"""example-gen: reads the images from a data source and writes it as tf.Examples."""

import dataclasses
import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import (
    Artifact,
    artifact_utils,
    channel_utils,
    component_spec,
    standard_artifacts,
    standard_component_specs,
)

from modules.dataset import DATASET
from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.config.sections import DataConfig, require_found_anywhere
from tfx_pipeline.data import idx, origin
from tfx_pipeline.data.idx_files import ALL_SPLIT_FILES
from tfx_pipeline.data.sources import VerifiedFiles, default_cache_dir, resolve
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.examples import COUNT_PROPERTY, SOURCE_COUNT_PROPERTY

logger = logging.getLogger(__name__)

SHARD_SIZE: Final = max(1, min(10_000, 8_000_000 // DATASET.image_bytes))
"""Examples a shard: what one worker holds, 8 MB of pixels, whatever the size of the data."""

COMPRESSION: Final = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
"""Gzip that stores, which every reader of gzipped TFRecords takes: Fashion-MNIST's examples are 59 MB so and 32 MB at
level 1, but are written in a tenth of the time, and read in half of it by each of the five later steps that do."""

EXAMPLES_KEY: Final = standard_component_specs.EXAMPLES_KEY


@dataclasses.dataclass(frozen=True)
class Shard:
    """A range of one split, and the file that it becomes."""

    images: str
    labels: str
    start: int
    count: int
    output: str


def plan_shards(dataset: VerifiedFiles, split: str, limit: int, output_dir: str) -> list[Shard]:
    """Divides a split into shards.

    Args:
        dataset: Where the IDX files are.
        split: A key of ``dataset.counts``.
        limit: Takes only the first examples; 0 takes all.
        output_dir: The split's directory.

    Returns:
        Shards of at most ``SHARD_SIZE`` examples, in the data's order, named as Beam names the shards of a file.
    """
    total = min(limit or dataset.counts[split], dataset.counts[split])
    starts = range(0, total, SHARD_SIZE)
    files = ALL_SPLIT_FILES[split]
    return [
        Shard(
            images=str(Path(dataset.path, files.images)),
            labels=str(Path(dataset.path, files.labels)),
            start=start,
            count=min(SHARD_SIZE, total - start),
            output=f"{output_dir}/data_tfrecord-{index:05d}-of-{len(starts):05d}.gz",
        )
        for index, start in enumerate(starts)
    ]


def serialize(image: bytes, label: int) -> bytes:
    """Serializes one example.

    Args:
        image: Its uint8 values, row by row.
        label: The class.

    Returns:
        A tf.Example with ``image``, one bytes value, and ``label``, one int64 value.
    """
    feature = {
        IMAGE_KEY: tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        LABEL_KEY: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return bytes(example.SerializeToString(deterministic=True))


@functools.cache
def _around_image(label: int) -> tuple[bytes, bytes]:
    """What stands before and after the bytes of the image in a serialized example with this label."""
    # The first zeros are the image's: what stands before it are names, field numbers and lengths.
    image = bytes(DATASET.image_bytes)
    before, _, after = serialize(image, label).partition(image)
    return before, after


def read_examples(shard: Shard) -> Iterator[bytes]:
    """Reads and serializes the examples of a shard, in the data's order.

    Examples of one label differ in the image's bytes only, so ``serialize`` runs once a label and not once an image,
    which takes a tenth of the time.
    """
    pixels = idx.read_images(shard.images, shard.start, shard.count).ravel().data
    labels = idx.read_labels(shard.labels, shard.start, shard.count).tolist()
    size = DATASET.image_bytes
    for index, label in enumerate(labels):
        before, after = _around_image(label)
        yield b"".join((before, pixels[index * size : (index + 1) * size], after))


def write_shard(shard: Shard) -> int:
    """Writes a shard as a gzipped TFRecord file, the same bytes every time, and returns its number of examples.

    Raises:
        UserError: The data has fewer than were planned.
    """
    count = 0
    with tf.io.TFRecordWriter(shard.output, COMPRESSION) as writer:
        for count, example in enumerate(read_examples(shard), 1):  # noqa: B007 - the number of the last one
            writer.write(example)
    if count != shard.count:
        raise UserError(
            f"{shard.images}: has {count:,} examples from {shard.start:,} on, expected {shard.count:,}; run again"
        )
    return count


class Executor(base_beam_executor.BaseBeamExecutor):
    """Resolves the source and writes every split, shards in parallel."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the examples.

        Args:
            input_dict: Nothing.
            output_dict: ``examples``, which also receives the properties ``data_source``, ``data_kind`` and
                ``data_digest``, and ``<split>_examples`` and ``<split>_in_source`` for each split.
            exec_properties: See ``ExampleGenSpec``.

        Raises:
            UserError: A parameter is not what the configuration allows, the source does not answer, its files are not
                what they should be, or the content is not the version asked for.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        data = DataConfig.checked(
            {
                "data_source": exec_properties["source"],
                "data_dir": exec_properties["data_dir"] or None,
                "data_version": exec_properties["version"],
                "limit": exec_properties["limit"],
            }
        )
        require_found_anywhere(data.data_dir, f"run parameter data_dir: {data.data_dir}")
        dataset = _resolve(data, exec_properties["digest"])
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(dataset.counts))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        shards = {split: self._plan(dataset, split, examples, data.limit) for split in dataset.counts}
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create([shard for split in shards.values() for shard in split])
                | "Spread" >> beam.Reshuffle()
                | "ReadAndWrite" >> beam.Map(write_shard)
            )
        for file in origin.files(Path(dataset.path)):
            fileio.copy(str(file), f"{examples.uri}/{file.name}")
        _describe(examples, dataset, {split: sum(s.count for s in shards[split]) for split in shards})

    def _plan(self, dataset: VerifiedFiles, split: str, examples: Artifact, limit: int) -> list[Shard]:
        output_dir = artifact_utils.get_split_uri([examples], split)
        tf.io.gfile.makedirs(output_dir)
        return plan_shards(dataset, split, limit, output_dir)


def _resolve(data: DataConfig, expected: str) -> VerifiedFiles:
    dataset = resolve(data.data_source, data.data_dir, default_cache_dir(), logger.info)
    if expected and expected != dataset.digest:
        raise UserError(
            f"{data.data_dir or data.data_source}: the data changed after the run began: expected the digest "
            f"{expected}, got {dataset.digest}; run again"
        )
    return dataset


def _describe(examples: Artifact, dataset: VerifiedFiles, counts: dict[str, int]) -> None:
    examples.set_string_custom_property("data_source", dataset.source)
    examples.set_string_custom_property("data_kind", dataset.kind)
    examples.set_string_custom_property("data_digest", dataset.digest)
    for split, count in counts.items():
        examples.set_int_custom_property(COUNT_PROPERTY.format(split), count)
        examples.set_int_custom_property(SOURCE_COUNT_PROPERTY.format(split), dataset.counts[split])
        logger.info("%s: %d examples", split, count)


class ExampleGenSpec(component_spec.ComponentSpec):
    """example-gen's contract.

    ``source`` and ``data_dir`` are those of ``tfx_pipeline.data.sources.resolve``. ``digest`` is what the content
    must have, or "" where only the step sees it; there, ``version`` is any text that a cached result is tied to.
    ``limit`` takes the first examples of each split, 0 takes all.
    """

    PARAMETERS = {  # noqa: RUF012 - TFX's form
        "source": component_spec.ExecutionParameter(type=str),
        "data_dir": component_spec.ExecutionParameter(type=str),
        "digest": component_spec.ExecutionParameter(type=str),
        "version": component_spec.ExecutionParameter(type=str),
        "limit": component_spec.ExecutionParameter(type=int),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012


class ExampleGen(base_beam_component.BaseBeamComponent):
    """Ingests the data set as splits ``train`` and ``eval``, and ``val`` where it has a third, which is held back.

    A component of its own and not a ``FileBasedExampleGen``: on Kubeflow that one's cache key has no file contents
    and its resources are dropped.
    """

    SPEC_CLASS = ExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, **parameters: Any) -> None:
        """Makes an example-gen.

        Args:
            **parameters: A value, or a runtime parameter, for each parameter of ``ExampleGenSpec``.
        """
        examples = channel_utils.as_channel([standard_artifacts.Examples()])
        super().__init__(ExampleGenSpec(examples=examples, **parameters))
