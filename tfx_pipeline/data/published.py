"""Where the data set of `modules/dataset.py` is published, by what that file says of it."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.data import debian, tfds
from tfx_pipeline.data.fetch import Fetch

SOURCES: Final = ("tfds", "debian")
"""What may publish a data set, the first to try first."""

FETCHERS: Final[Mapping[str, Fetch]] = MappingProxyType(
    ({"tfds": partial(tfds.fetch, builder=DATASET.tfds)} if DATASET.tfds else {})
    | ({"debian": partial(debian.fetch, package=DATASET.debian)} if DATASET.debian else {})
)
"""Those that publish this one."""
