"""Finds images that are nearly the same: changed in a few pixels, noisy, compressed anew, moved or mirrored.

An image's signature is the magnitudes of its lowest spatial frequencies, which do not change where it is moved, and
whose sums over mirrored frequencies do not change where it is mirrored. Images with signatures close to each other
share a bucket of locality-sensitive hashing (Datar, Immorlica, Indyk and Mirrokni 2004, "Locality-sensitive hashing
scheme based on p-stable distributions"), so the time is linear in the number of images; of those pairs alone the pixels
are compared.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modules.dataset import DATASET

FREQUENCIES: Final = max(1, min(4, *(side // 2 for side in DATASET.image_shape[:2])))
"""Frequencies along each axis, from 0: what noise and compression change least."""

SAME: Final = 0.15
"""Standard deviation of the difference, as a part of the image's own, below which two images are nearly the same. In
Fashion-MNIST it is 0.01 for a noise of two levels, 0.02 for JPEG of quality 90 and 0.07 for 75."""

_RADIUS: Final = 0.5  # standard deviations of the signatures; JPEG of quality 50 and moves by a pixel are within it
_PROJECTIONS, _TABLES, _WIDTH = 8, 8, 1.5
"""Two images at a distance of 0.15 share a bucket in one of 8 tables with a probability of 0.998."""
_NEIGHBOURS: Final = 8
"""Images of a bucket that each is compared with; many copies of one image need no more to be counted."""
_MOST: Final = max(100, min(20_000, (128 << 20) // DATASET.image_bytes))
"""Pairs whose pixels are compared, the nearest first: more are far beyond any limit, and must fit into memory."""
_PAIRS_AT_ONCE: Final = max(1, (1 << 19) // DATASET.image_bytes)

Pixels = NDArray[np.uint8]


class NearPairs(NamedTuple):
    """Pairs of images by their numbers.

    Attributes:
        first: int64 [pairs], each lower than its second.
        second: int64 [pairs].
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]


def _waves() -> NDArray[np.float32]:
    """Cosines and sines of the frequencies (y, x) of the upper half-plane, float32 [pixels, 2 * frequencies]."""
    height, width = DATASET.image_shape[:2]
    down = np.exp(-2j * np.pi * np.outer(np.arange(FREQUENCIES), np.arange(height)) / height)
    right = np.exp(-2j * np.pi * np.outer(np.arange(1 - FREQUENCIES, FREQUENCIES), np.arange(width)) / width)
    waves = np.einsum("yi,xj->yxij", down, right).reshape(-1, height * width) / (height * width)
    parts: NDArray[np.float32] = np.concatenate([waves.real, waves.imag]).T.astype(np.float32)
    return parts


_WAVES: Final = _waves()
SIGNATURE: Final = FREQUENCIES * FREQUENCIES
"""Numbers of a signature."""


def signatures(images: Pixels) -> NDArray[np.float16]:
    """Makes the signatures of images, uint8 [n, bytes], in grey levels: float16 [n, SIGNATURE]."""
    grey = images.reshape(len(images), len(_WAVES), DATASET.channels).mean(axis=2, dtype=np.float32)
    parts = (grey @ _WAVES).reshape(len(images), 2, FREQUENCIES, 2 * FREQUENCIES - 1)
    magnitudes = np.hypot(parts[:, 0], parts[:, 1])
    zero = FREQUENCIES - 1
    # A mirrored image has the magnitudes of x and -x exchanged.
    both = magnitudes[:, :, zero:] + magnitudes[:, :, zero::-1]
    values: NDArray[np.float16] = both.reshape(len(images), SIGNATURE).astype(np.float16)
    return values


def close_pairs(of_images: NDArray[np.float16]) -> NearPairs:
    """Finds the pairs with signatures close to each other, the closest first."""
    if len(of_images) < 2:  # noqa: PLR2004 - a pair
        return NearPairs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    scaled = of_images.astype(np.float32)
    scaled /= np.maximum(scaled.std(axis=0), 1e-3)
    found = [np.zeros(0, np.int64)]
    for keys in _buckets(scaled):
        order = np.argsort(keys, kind="stable")
        for step in range(1, _NEIGHBOURS + 1):
            same = np.flatnonzero(keys[order[step:]] == keys[order[:-step]])
            if not len(same):
                break
            pairs = np.sort(np.stack([order[same], order[same + step]]), axis=0)
            near = _distances(scaled, *pairs) < _RADIUS
            found.append(pairs[0, near] * len(scaled) + pairs[1, near])
    first, second = np.divmod(np.unique(np.concatenate(found)), len(scaled))
    nearest = np.argsort(_distances(scaled, first, second), kind="stable")[:_MOST]
    return NearPairs(first[nearest], second[nearest])


def _buckets(scaled: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bucket of each image in each table, int64 [tables, n]; one seed, and so the same on every machine."""
    rng = np.random.default_rng(0)
    lines = rng.standard_normal((scaled.shape[1], _TABLES * _PROJECTIONS)).astype(np.float32)
    offsets = rng.uniform(0, _WIDTH, _TABLES * _PROJECTIONS).astype(np.float32)
    factors = rng.integers(1, 2**62, _PROJECTIONS) | 1
    cells = np.floor((scaled @ lines + offsets) / _WIDTH).astype(np.int64).reshape(-1, _TABLES, _PROJECTIONS)
    keys: NDArray[np.int64] = (cells * factors).sum(axis=2).T  # wraps around, as a hash may
    return keys


def _distances(scaled: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    difference = scaled[first] - scaled[second]
    distances: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distances


def differences(first: Pixels, second: Pixels) -> NDArray[np.float32]:
    """How much images differ, whatever their brightness, where one is moved by up to two pixels or mirrored.

    Args:
        first: uint8 [pairs, bytes].
        second: uint8 [pairs, bytes].

    Returns:
        The standard deviation of the difference, as a part of the first image's own, float32 [pairs].
    """
    parts = [
        _least(first[start : start + _PAIRS_AT_ONCE], second[start : start + _PAIRS_AT_ONCE])
        for start in range(0, len(first), _PAIRS_AT_ONCE)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _least(first: Pixels, second: Pixels) -> NDArray[np.float32]:
    shape = (len(first), *DATASET.image_shape[:2], DATASET.channels)
    a, b = (images.reshape(shape).astype(np.float32) for images in (first, second))
    contrast = np.maximum(a.std(axis=(1, 2, 3)), 1e-3)
    reach = range(-_reach(), _reach() + 1)
    moves = [(other, dy, dx) for other in (b, b[:, :, ::-1]) for dy in reach for dx in reach]
    least: NDArray[np.float32] = np.minimum.reduce([_difference(a, *move).std(axis=(1, 2, 3)) for move in moves])
    relative: NDArray[np.float32] = least / contrast
    return relative


def _reach() -> int:
    """Pixels by which a copy may be moved: two, and less in small images, of which that would be another picture."""
    return min(2, *(side // 14 for side in DATASET.image_shape[:2]))


def _difference(a: NDArray[np.float32], b: NDArray[np.float32], dy: int, dx: int) -> NDArray[np.float32]:
    """The difference of the parts that lie over each other."""
    height, width = a.shape[1:3]
    over = a[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    under = b[:, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    return over - under
