"""The data gate's settings: the reviewed limits of limits.toml, and what to do with data beyond them."""

import math
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from modules.dataset import DATASET
from tfx_pipeline.config.section import Section, setting

LIMITS_FILE: Final = Path(__file__).with_name("limits.toml")
_REVIEWED: Final[dict[str, dict[str, Any]]] = tomllib.loads(LIMITS_FILE.read_text(encoding="utf-8"))

REASONS: Final = MappingProxyType({name: str(limit["reason"]) for name, limit in _REVIEWED.items()})
"""Why each limit is what it is, by its name."""


MEASURED: Final = (DATASET.name, DATASET.image_shape, DATASET.num_classes) == ("fashion-mnist", (28, 28), 10)
"""Whether limits.toml says what to expect of the images: it was measured on Fashion-MNIST."""

CELL: Final = tuple(math.ceil(side / 7) for side in DATASET.image_shape[:2])
"""Rows and columns of pixels that are one cell of a coarse image: at most 7 x 7 cells, for images of any size."""

COARSE_SHAPE: Final = (
    *(math.ceil(side / cell) for side, cell in zip(DATASET.image_shape[:2], CELL, strict=True)),
    DATASET.channels,
)
"""Rows and columns of a coarse image, and its channels."""


def _for_each_class(values: list[Any]) -> list[Any]:
    if len(values) not in (0, DATASET.num_classes):
        raise ValueError(f"expected {DATASET.num_classes} values, one a class, or none")
    return values


Mode = Literal["stop", "warn"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Grey = Annotated[float, Field(ge=0, le=255)]
Shares = Annotated[list[Share], AfterValidator(_for_each_class)]
Greys = Annotated[list[Grey], AfterValidator(_for_each_class)]
_CELLS: Final = math.prod(COARSE_SHAPE)
CoarseImage = Annotated[list[Grey], Field(min_length=_CELLS, max_length=_CELLS)]
Images = Annotated[list[CoarseImage], AfterValidator(_for_each_class)]


def _limit(name: str, description: str, **bounds: Any) -> Any:
    value = _REVIEWED[name]["value"]
    known = MEASURED or not isinstance(value, list)
    return setting(value if known else [], description, **bounds)


class Limits(Section):
    """Every limit; limits.toml has the reasons. Lists hold one value a class; grey levels go from 0 to 255."""

    expected_share: Shares = _limit(
        "expected_share", "fraction of a split's images that each class should have, a number a class"
    )
    min_class_share: Fraction = _limit("min_class_share", "least images of a class, as a part of its expected share")
    max_class_share: float = _limit(
        "max_class_share", "most images of a class, as a multiple of its expected share", ge=1, le=1_000_000
    )
    max_blank: Fraction = _limit("max_blank", "fraction of images of one colour, overall and in each class")
    max_duplicates: Fraction = _limit("max_duplicates", "fraction of the smaller split that may stand in another too")
    max_contradictions: Fraction = _limit(
        "max_contradictions", "fraction of a split's images that may stand under another label too"
    )
    max_repeats: Fraction = _limit("max_repeats", "fraction of a split's images that may repeat others of it")
    max_near_duplicates: Fraction = _limit(
        "max_near_duplicates", "fraction of the smaller split that may be nearly the same as an image of another"
    )
    max_near_repeats: Fraction = _limit(
        "max_near_repeats", "fraction of a split's images that may be nearly the same as others of it"
    )
    max_pixel_leak: Fraction = _limit(
        "max_pixel_leak", "fraction of the variance of a single pixel that the class may explain"
    )
    expected_intensity: Greys = _limit("expected_intensity", "mean pixel value of each class, a number a class")
    intensity_spread: Greys = _limit(
        "intensity_spread", "standard deviation of the images' mean pixel values in each class"
    )
    expected_contrast: Greys = _limit(
        "expected_contrast", "standard deviation of an image's pixels, averaged over each class, a number a class"
    )
    contrast_spread: Greys = _limit("contrast_spread", "standard deviation of the images' contrasts in each class")
    expected_gradient: Greys = _limit(
        "expected_gradient", "mean difference of neighbouring pixels in each class, a number a class"
    )
    gradient_spread: Greys = _limit("gradient_spread", "standard deviation of the images' gradients in each class")
    max_deviation: Fraction = _limit(
        "max_deviation",
        "distance of a split's intensity, contrast or gradient from what is expected, as a part of it",
    )
    max_class_deviation: Fraction = _limit("max_class_deviation", "the same for the images of each class")
    expected_image: Images = _limit(
        "expected_image", "mean image of each class in at most 7 x 7 cells, a list of numbers a class, row by row"
    )
    image_error: Greys = _limit("image_error", "standard error (RMS) of each class's expected image, in grey levels")
    max_image_deviation: Fraction = _limit(
        "max_image_deviation", "distance (RMS) of a class's mean image from the expected one, as a part of its contrast"
    )
    likeness_margin: Greys = _limit(
        "likeness_margin", "how much liker another class an image may be before it counts as unlike its own"
    )
    max_unlike: Fraction = _limit("max_unlike", "fraction of a split's images that may be unlike their class")
    max_class_unlike: Fraction = _limit("max_class_unlike", "the same for the images of each class")
    min_distinctness: Fraction = _limit(
        "min_distinctness", "how far a class must be from each other class, as a part of what is expected"
    )
    max_share_drift: Fraction = _limit("max_share_drift", "difference of a class's share between two splits")
    max_drift: Fraction = _limit(
        "max_drift", "difference of intensity, contrast or gradient between two splits, as a part of it"
    )
    max_distribution_drift: Fraction = _limit(
        "max_distribution_drift", "Kolmogorov-Smirnov distance of intensity or contrast between two splits"
    )
    max_mean_image_drift: Grey = _limit(
        "max_mean_image_drift", "RMS difference of a class's mean image between two splits, in grey levels"
    )
    max_tail_drift: Fraction = _limit(
        "max_tail_drift", "fraction of a split's images that may be beyond 199 in 200 of another split"
    )
    max_class_tail_drift: Fraction = _limit("max_class_tail_drift", "the same for the images of each class")
    sampling_sigmas: float = _limit("sampling_sigmas", "standard errors that small splits may scatter by", ge=0, le=20)


EXPECTED: Final = (*(name for name in Limits.model_fields if name.startswith("expected_")), "likeness_margin")
"""The limits that say what each class should be like; a check whose limit is empty is left out."""
