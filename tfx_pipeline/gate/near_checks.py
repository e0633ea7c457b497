"""The checks of images that are nearly the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.near_images import NearImages
from tfx_pipeline.gate.noise import most_by_chance
from tfx_pipeline.gate.profile import SplitProfile

NamesOf = Callable[[str, Sequence[int]], list[str]]
"""Names images of a split by their numbers in it."""

CHANCE: Final = 0.003
"""The part of Fashion-MNIST's evaluation images that look nearly like one of 60,000 others, and are another article."""


def numbers(split: str, indices: Sequence[int]) -> list[str]:
    """Names of images that have nothing but their numbers."""
    return [f"{split} {index}" for index in indices]


def check_near(
    near: NearImages, profiles: Mapping[str, SplitProfile], limits: Limits, names_of: NamesOf = numbers
) -> Iterator[Check]:
    """Checks each split, and each two of them."""
    splits = list(profiles)
    for index, split in enumerate(splits):
        for other in splits[index:]:
            check = _check((split, other), near, profiles, limits)
            yield check if check.ok else _with_images(check, near.named[split, other], (split, other), names_of)


def _check(pair: tuple[str, str], near: NearImages, profiles: Mapping[str, SplitProfile], limits: Limits) -> Check:
    within = pair[0] == pair[1]
    name = "images nearly like others" if within else "images nearly the same in both splits"
    setting = "max_near_repeats" if within else "max_near_duplicates"
    images = max(1, min(int(profiles[split].images.sum()) for split in pair))
    count = near.counts.get(pair, 0)
    high = max(getattr(limits, setting), most_by_chance(CHANCE, images, limits.sampling_sigmas))
    where = pair[0] if within else " and ".join(pair)
    note = f"{count:,} of {images:,}"
    return Check(name, where, count / images, "fraction", high=high, setting=setting, note=note)


def _with_images(check: Check, named: Sequence[tuple[int, int]], pair: tuple[str, str], names_of: NamesOf) -> Check:
    of_first, of_second = zip(*named, strict=True)
    first, second = names_of(pair[0], of_first), names_of(pair[1], of_second)
    images = tuple(f"{a} and {b}" for a, b in zip(first, second, strict=True))
    return replace(check, note=f"{check.note}, as {', '.join(images[:3])}", images=images)
