"""Measures what to expect of data that was looked at and found good, for the data gate's limits."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET
from tfx_pipeline.config.limits import COARSE_SHAPE, Limits
from tfx_pipeline.data import idx, sources
from tfx_pipeline.gate.likeness import UNLIKE, Likeness, coarse_means, coarse_sums, leads
from tfx_pipeline.gate.profile import IMAGE_BYTES, MEASURES, NUM_CLASSES, SplitProfile
from tfx_pipeline.gate.split_checks import check_split
from tfx_pipeline.process.errors import UserError

SPLIT = "train"
SURE = 200
"""Images of a class from which on a hundredth of them is more than one."""
_SECTION = re.compile(r"(?m)^\[data_gate\][^\n]*\n(?:(?!\[[A-Za-z]).*\n?)*")
_KEY = re.compile(r"(?m)^([A-Za-z_]+) *=")

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images, uint8 [n, bytes], and their labels, int64 [n]."""


def batches(dataset: sources.VerifiedFiles) -> Iterator[Batch]:
    """Reads the training images of a data set, whose files are IDX."""
    files = sources.SPLIT_FILES[SPLIT]
    for start in range(0, dataset.counts[SPLIT], idx.BATCH_SIZE):
        images = idx.read_images(f"{dataset.path}/{files.images}", start, idx.BATCH_SIZE)
        labels = idx.read_labels(f"{dataset.path}/{files.labels}", start, idx.BATCH_SIZE).astype(np.int64)
        yield images.reshape(-1, IMAGE_BYTES), labels


def measured(read: Callable[[], Iterable[Batch]]) -> dict[str, list[Any]]:
    """Measures images that were looked at and found good.

    Args:
        read: Reads them from the beginning; called twice, as what is like a class follows from what it looks like.

    Returns:
        The settings of ``Limits`` that hold something for each class.

    Raises:
        UserError: A class has no images, or the gate would refuse the data whatever is expected of it.
    """
    halves = [SplitProfile(), SplitProfile()]
    whole = SplitProfile()
    for half, images, labels in _halved(_noting_wrong_labels(read(), whole)):
        halves[half].examples += len(labels)
        halves[half].add_labels(labels)
        halves[half].add_images(images, labels)
    for profile in halves:
        whole.merge(profile)
    _require_good(whole)
    found = _expectations(whole)
    means = coarse_means(_mean_images(whole, whole))
    of_halves = [coarse_means(_mean_images(profile, whole)) for profile in halves]
    errors = np.sqrt(((of_halves[0] - of_halves[1]) ** 2).mean(axis=1)) / 2
    # What an image looks like is asked of the other half, as of other data: it is liker its own.
    likeness = [Likeness.to_images(other, []) for other in reversed(of_halves)]
    return found | {
        "expected_image": [_rounded(mean, 1) for mean in means],
        "image_error": _rounded(errors, 3),
        "likeness_margin": _rounded(_margins(_halved(read()), likeness), 2),
    }


def unsure(dataset: sources.VerifiedFiles) -> Iterator[str]:
    """Warns of the classes with too few training images to be sure of."""
    labels = idx.read_labels(f"{dataset.path}/{sources.SPLIT_FILES[SPLIT].labels}", 0, dataset.counts[SPLIT])
    counts = np.bincount(labels, minlength=NUM_CLASSES)[:NUM_CLASSES].tolist()
    few = [f"{DATASET.class_names[label]} ({count})" for label, count in enumerate(counts) if count < SURE]
    if few:
        yield f"warning: fewer than {SURE} images of {', '.join(few)}: what to expect of these is not sure"


def _require_good(profile: SplitProfile) -> None:
    """Refuses what the gate would refuse, whatever it expects of the classes."""
    lists = [name for name, field in Limits.model_fields.items() if isinstance(field.default, list)]
    nothing = Limits.model_validate({name: [] for name in lists})
    bad = [check for check in check_split(SPLIT, profile, nothing) if not check.ok and check.label is None]
    if bad:
        raise UserError(f"{bad[0]}; the data gate would stop a run of it: correct the data, then measure it")


def _noting_wrong_labels(batches: Iterable[Batch], profile: SplitProfile) -> Iterator[Batch]:
    for images, labels in batches:
        profile.add_labels(labels[(labels < 0) | (labels >= NUM_CLASSES)])
        yield images, labels


def _halved(batches: Iterable[Batch]) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.int64]]]:
    """Deals the images of each class to two halves in turns; images without a class are left out."""
    seen = np.zeros(NUM_CLASSES, np.int64)
    for images, labels in batches:
        turn = np.full(len(labels), -1)
        for label in range(NUM_CLASSES):
            mine = np.flatnonzero(labels == label)
            turn[mine] = (seen[label] + np.arange(len(mine))) % 2
            seen[label] += len(mine)
        for half in (0, 1):
            yield half, images[turn == half], labels[turn == half]


def _mean_images(profile: SplitProfile, whole: SplitProfile) -> NDArray[np.float64]:
    """Mean image of each class, float64 [classes, bytes]; that of all where the profile has no image of it."""
    counts = profile.images[:NUM_CLASSES, None]
    of_whole = whole.pixel_sums / whole.images[:NUM_CLASSES, None]
    return np.where(counts, profile.pixel_sums / np.maximum(counts, 1), of_whole)


def _margins(
    halved: Iterable[tuple[int, NDArray[np.uint8], NDArray[np.int64]]], likeness: Sequence[Likeness]
) -> NDArray[np.float64]:
    """How much liker another class ``UNLIKE`` of the images of each class are, float64 [classes] in grey levels."""
    margins: list[list[NDArray[np.float64]]] = [[] for _ in range(NUM_CLASSES)]
    for half, images, labels in halved:
        margin = np.abs(leads(likeness[half].to_classes(coarse_sums(images)), labels).min(axis=1))
        for label in np.unique(labels):
            margins[label].append(margin[labels == label])
    of_classes = [np.concatenate(parts) for parts in margins]
    of_all = np.concatenate(of_classes)
    # A hundredth of fewer than two hundred images is one at most: those of all classes tell more.
    return np.array([_tail(values if len(values) * UNLIKE >= 2 else of_all) for values in of_classes])  # noqa: PLR2004


def _tail(values: NDArray[np.float64]) -> float:
    return float(np.quantile(values, 1 - UNLIKE, method="higher"))


def _expectations(profile: SplitProfile) -> dict[str, list[Any]]:
    """Shares and measures of each class."""
    counts = profile.images[:NUM_CLASSES]
    if not counts.all():
        missing = int(np.argmin(counts))
        raise UserError(
            f"class {missing} ({DATASET.class_names[missing]}) has no training images, expected some; add them"
        )
    means = profile.sums[:NUM_CLASSES] / counts[:, None]
    spreads = np.sqrt(np.maximum(profile.squares[:NUM_CLASSES] / counts[:, None] - means**2, 0))
    found = {"expected_share": _rounded(profile.labels / profile.labels.sum(), 4)}
    for index, name in enumerate(MEASURES):
        found[f"expected_{name}"] = _rounded(means[:, index], 2)
        found[f"{name}_spread"] = _rounded(spreads[:, index], 2)
    return found


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


def as_toml(settings: Mapping[str, list[Any]]) -> Iterator[str]:
    """Writes settings as lines of the section ``[data_gate]``."""
    yield "[data_gate]"
    for name, values in settings.items():
        if name == "expected_image":
            yield from (f"{name} = [", *_pictures(values), "]")
        else:
            yield f"{name} = {values}"


def _pictures(images: list[list[float]]) -> Iterator[str]:
    """Writes coarse images as one sees them: a block a class, a line a row."""
    _, columns, channels = COARSE_SHAPE
    for label, image in enumerate(images):
        yield f"  [ # {label}: {DATASET.class_names[label]}"
        for row in np.reshape(image, (-1, columns * channels)):
            yield "  " + " ".join(f"{value:5.1f}," for value in row)
        yield "  ],"


def in_toml(text: str, settings: Mapping[str, list[Any]]) -> str:
    """Puts measured settings into the text of a TOML file: in the place of older ones, and beside what else it says."""
    section = _SECTION.search(text)
    if not section:
        return f"{text.rstrip()}\n\n" * bool(text.strip()) + "\n".join(as_toml(settings)) + "\n"
    lines, *rest = section[0].split("\n", 1)
    first, *parts = _keys_of("".join(rest))
    kept = "".join(part for part in parts if not _is_of(part, settings)).strip("\n")
    blocks = [lines, first.strip("\n"), *[*as_toml(settings)][1:], kept]
    new = "\n".join(block for block in blocks if block) + "\n"
    behind = text[section.end() :]
    return text[: section.start()] + new + (f"\n{behind}" if behind.strip() else "")


def _keys_of(body: str) -> list[str]:
    """The body of a section, cut where each key begins; comments before the first key are a part of their own."""
    starts = [0, *(match.start() for match in _KEY.finditer(body)), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(starts)]


def _is_of(part: str, settings: Mapping[str, list[Any]]) -> bool:
    key = _KEY.match(part)
    return key is not None and key[1] in settings
