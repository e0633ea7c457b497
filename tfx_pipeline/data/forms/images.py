"""Decodes PNG and JPEG images without changing a pixel, and tells classes by their names."""

import io
import unicodedata
from typing import Final

import numpy as np
from PIL import Image

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import ENOUGH
from tfx_pipeline.data.forms.files import unreadable
from tfx_pipeline.data.idx import size_text
from tfx_pipeline.data.stream import IdxError, shown
from tfx_pipeline.process.errors import UserError

EXPECTED: Final = "a PNG image or a JPEG image"
_SIZE: Final = DATASET.image_shape[:2]
_MODE: Final = "L" if DATASET.channels == 1 else "RGB"
_LOSSLESS: Final = ("1", "L", "P", "RGB")  # modes that all fit into three bytes a pixel


def decode(content: bytes, where: str) -> np.ndarray:
    """Decodes a PNG or JPEG file to uint8 of shape DATASET.image_shape; grey may be stored in equal colours.

    Raises:
        IdxError: It is no such image, or of another size, or would change by conversion; the line names `where`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            _check(image, where)
            pixels = np.asarray(image if image.mode == _MODE else image.convert("RGB"))
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of all kinds
        raise unreadable(where, EXPECTED, content[:ENOUGH], error) from error
    if pixels.shape == DATASET.image_shape:
        return pixels
    if (pixels != pixels[..., :1]).any():
        raise IdxError(f"{shown(where)}: is a colour image; expected a grey one")
    return pixels[..., 0]


def _check(image: Image.Image, where: str) -> None:
    if image.size != _SIZE[::-1]:
        raise IdxError(f"{shown(where)}: is of {size_text(image.size[::-1])} pixels; expected {size_text(_SIZE)}")
    if image.mode not in _LOSSLESS or "transparency" in image.info:
        found = f"{image.mode}{' with transparency' if 'transparency' in image.info else ''}"
        raise IdxError(f"{shown(where)}: has pixels of the mode {found}; expected {_MODE}, 8 bits a channel")


def label_of(name: str) -> int | None:
    """Finds the label of a class by its name, or by the letters and digits of it where no other class has the same."""
    if name in DATASET.class_names:
        return DATASET.class_names.index(name)
    same = [label for label, known in enumerate(DATASET.class_names) if _plain(known) == _plain(name)]
    return same[0] if len(same) == 1 else None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))
