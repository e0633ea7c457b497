"""Real images as a test takes them: drawn by chance, altered, written as examples, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from modules.features import IMAGE_KEY, LABEL_KEY
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.data.idx import BATCH_SIZE
from tfx_pipeline.gate.file_profile import FileProfile, profile_file
from tfx_pipeline.gate.likeness import Likeness
from tfx_pipeline.gate.near_images import Signatures, find_near_images
from tfx_pipeline.gate.profile import IMAGE_BYTES, SplitProfile
from tfx_pipeline.gate.repetitions import find_repetitions
from tfx_pipeline.gate.report import Report, judge

Example = tuple[bytes | None, int | None]
"""An image and its label, or None for what is missing."""


@dataclass(frozen=True)
class Sample:
    """Images (uint8 [n, 28, 28]) and labels (int64 [n])."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Sample":
        """Some of the images."""
        return Sample(self.images[indices], self.labels[indices])

    def without(self, drop: np.ndarray) -> "Sample":
        """All but the images of a mask."""
        return self.take(np.flatnonzero(~drop))

    def with_images(self, images: np.ndarray, where: np.ndarray | slice = slice(None)) -> "Sample":
        """The same with other images in some places."""
        changed = self.images.copy()
        changed[where] = images
        return replace(self, images=changed)

    def with_labels(self, labels: np.ndarray | int, where: np.ndarray | slice = slice(None)) -> "Sample":
        """The same with other labels in some places."""
        changed = self.labels.copy()
        changed[where] = labels
        return replace(self, labels=changed)

    def examples(self) -> list[Example]:
        """Each image's bytes and its label."""
        return [(i.tobytes(), n) for i, n in zip(self.images, self.labels.tolist(), strict=True)]


Samples = dict[str, Sample]


def draw(real: Sample, seed: int, train: int, eval: int) -> Samples:  # noqa: A002
    """Draws two splits that have no image in common."""
    chosen = np.random.default_rng(seed).permutation(len(real))[: train + eval]
    return {"train": real.take(chosen[:train]), "eval": real.take(chosen[train:])}


def profile_of(sample: Sample, limits: Limits | None = None) -> SplitProfile:
    """Profiles a split without writing it."""
    likeness = Likeness.of(limits or Limits())
    profile = SplitProfile(examples=len(sample))
    profile.add_labels(sample.labels)
    for start in range(0, len(sample), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        profile.add_images(sample.images[batch].reshape(-1, IMAGE_BYTES), sample.labels[batch], likeness)
    return profile


def judge_profiles(profiles: dict[str, SplitProfile], limits: Limits | None = None) -> Report:
    """Judges splits that have no image in common."""
    return judge("stop", profiles, {}, {}, [], limits or Limits())


def judged(samples: Samples, limits: Limits | None = None) -> Report:
    """Judges splits that have no image in common, without writing them."""
    return judge_profiles({split: profile_of(sample, limits) for split, sample in samples.items()}, limits)


def moved(sample: Sample, rows: int, columns: int) -> Sample:
    """Images moved down and to the right; what enters is black."""
    rolled = np.roll(sample.images, (rows, columns), (1, 2))
    for axis, by in ((1, rows), (2, columns)):
        lines = np.arange(28)
        entered = lines < by if by >= 0 else lines >= 28 + by
        rolled = np.where(np.expand_dims(entered, (0, 3 - axis)), 0, rolled)
    return replace(sample, images=rolled.astype(np.uint8))


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Writes tf.Examples as example-gen does, but for features that are missing."""
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for image, label in examples:
            feature = {}
            if image is not None:
                feature[IMAGE_KEY] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
            if label is not None:
                feature[LABEL_KEY] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def judge_examples(folder: Path, splits: Mapping[str, Sequence[Example]], limits: Limits | None = None) -> Report:
    """Writes the splits, one file each, reads them as the gate does and judges them."""
    limits = limits or Limits()
    files: dict[str, FileProfile] = {}
    for split, examples in splits.items():
        write_examples(folder / f"{split}.gz", examples)
        files[split] = profile_file(str(folder / f"{split}.gz"), Likeness.of(limits))
    records = [(split, content) for split, file in files.items() for content in file.records.values()]
    found = find_repetitions(list(splits), records)
    profiles = {
        split: replace(file.profile, repeats=found.repeats[split], contradictions=found.contradictions[split])
        for split, file in files.items()
    }
    counted = {split: len(examples) for split, examples in splits.items()}
    signatures = [
        Signatures(split, str(folder / f"{split}.gz"), file.profile.examples, file.rows, file.signatures)
        for split, file in files.items()
    ]
    near = find_near_images(list(splits), signatures)
    return judge("stop", profiles, found.common, counted, [], limits, near)


def judge_samples(folder: Path, samples: Samples, limits: Limits | None = None) -> Report:
    """Judges splits by way of their examples."""
    return judge_examples(folder, {split: sample.examples() for split, sample in samples.items()}, limits)
