"""The checks of images that are nearly the same."""

from collections.abc import Iterator, Mapping
from typing import Final

from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.near_images import NearImages
from tfx_pipeline.gate.noise import most_by_chance
from tfx_pipeline.gate.profile import SplitProfile

CHANCE: Final = 0.003
"""The part of Fashion-MNIST's evaluation images that look nearly like one of 60,000 others, and are another article."""


def check_near(near: NearImages, profiles: Mapping[str, SplitProfile], limits: Limits) -> Iterator[Check]:
    """Checks each split, and each two of them."""
    names = list(profiles)
    for index, split in enumerate(names):
        yield _check("images nearly like others", near, (split, split), profiles, limits, "max_near_repeats")
        for other in names[index + 1 :]:
            name = "images nearly the same in both splits"
            yield _check(name, near, (split, other), profiles, limits, "max_near_duplicates")


def _check(
    name: str, near: NearImages, pair: tuple[str, str], profiles: Mapping[str, SplitProfile], limits: Limits,
    setting: str,
) -> Check:  # fmt: skip
    images = max(1, min(int(profiles[split].images.sum()) for split in pair))
    count = near.counts.get(pair, 0)
    high = max(getattr(limits, setting), most_by_chance(CHANCE, images, limits.sampling_sigmas))
    named = tuple(f"{pair[0]} {first} and {pair[1]} {second}" for first, second in near.named.get(pair, ()))
    note = f"{count:,} of {images:,}" + (f", as {', '.join(named[:3])}" if count / images > high else "")
    where = pair[0] if pair[0] == pair[1] else " and ".join(pair)
    return Check(name, where, count / images, "fraction", high=high, setting=setting, note=note, images=named)
