"""Decodes PNG and JPEG images without changing a pixel, and tells classes by their names."""

import functools
import io
import unicodedata
from contextlib import suppress
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from modules.dataset import DATASET
from tfx_pipeline.data.first_bytes import ENOUGH
from tfx_pipeline.data.forms.files import unreadable
from tfx_pipeline.data.idx import size_text
from tfx_pipeline.data.stream import IdxError, shown
from tfx_pipeline.process.errors import UserError

EXPECTED: Final = "a PNG image or a JPEG image"
_SIZE: Final = DATASET.image_shape[:2]
_MODE: Final = "L" if DATASET.channels == 1 else "RGB"
_MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # whose colours fit into three bytes a pixel
_IHDR_DEPTH: Final = 24  # where a PNG file says how many bits a channel has; Pillow hides that it drops half of 16
_SRGB_GAMMA: Final = (0.4, 0.5)  # 1 / 2.2 and what tools round it to
_SAME_COLOURS: Final = 8  # grey levels: a grey gamma of 2.2 lies 7 from sRGB's curve, Display P3 up to 50
_TURNED: Final = range(5, 9)  # EXIF orientations that exchange height and width


def decode(content: bytes, where: str) -> np.ndarray:
    """Decodes a PNG or JPEG file to what a viewer shows, uint8 of DATASET.image_shape; grey may be in equal colours.

    Raises:
        IdxError: It is no such image, or of another size, or would change by conversion; the line names `where`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            _require_readable(image, content, where)
            pixels = _pixels(image, where)
    except UserError:
        raise
    except UnidentifiedImageError as error:  # whose words are the address of a buffer
        raise unreadable(where, EXPECTED, content[:ENOUGH], ValueError("damaged at its beginning")) from error
    except Exception as error:  # Pillow's decoders raise errors of all kinds
        raise unreadable(where, EXPECTED, content[:ENOUGH], error) from error
    if pixels.shape == DATASET.image_shape:
        return pixels
    if (pixels != pixels[..., :1]).any():
        raise IdxError(f"{shown(where)}: is a colour image; expected a grey one")
    return pixels[..., 0]


def _require_readable(image: Image.Image, content: bytes, where: str) -> None:
    if problem := _size_problem(image) or _depth_problem(image, content) or _colour_problem(image):
        raise IdxError(f"{shown(where)}: {problem}")


def _size_problem(image: Image.Image) -> str | None:
    size = image.size[::-1]
    if sorted(size) == sorted(_SIZE):  # others are not decompressed, which the search for EXIF in a PNG would do
        size = size[::-1] if _orientation(image) in _TURNED else size
    return None if size == _SIZE else f"is of {size_text(size)} pixels; expected {size_text(_SIZE)}"


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _depth_problem(image: Image.Image, content: bytes) -> str | None:
    bits = content[_IHDR_DEPTH] if image.format == "PNG" else 8
    if bits > 8:  # noqa: PLR2004
        return f"has {bits} bits a channel; expected 8: scale its values to 0 to 255"
    frames = getattr(image, "n_frames", 1) if image.format == "PNG" else 1  # those of a JPEG are previews
    return f"is an animation of {frames} images; expected one image" if frames > 1 else None


def _colour_problem(image: Image.Image) -> str | None:
    """What a file says of its colours that the values alone do not tell."""
    if image.mode not in _MODES:
        return f"has pixels of the mode {image.mode}; expected {_MODE}, 8 bits a channel"
    gamma = image.info.get("gamma")
    if profile := image.info.get("icc_profile"):
        colours = _foreign_colours(profile)
    elif gamma and "srgb" not in image.info and not _SRGB_GAMMA[0] < gamma < _SRGB_GAMMA[1]:
        colours = f"gamma {gamma:g}"
    else:
        colours = "Adobe RGB" if _interoperability(image) == "R03" else None
    return f"has the colours of {colours}; expected sRGB: convert it" if colours else None


def _interoperability(image: Image.Image) -> str | None:
    """The rule that a camera followed; Pillow raises a KeyError where there is none."""
    with suppress(KeyError):
        rule: str | None = image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        return rule
    return None


@functools.lru_cache(maxsize=64)
def _foreign_colours(icc: bytes) -> str | None:
    """The name of a colour profile whose colours are others than sRGB's; a broken one is ignored, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        name = ImageCms.getProfileDescription(profile).strip()
        mode = {"GRAY": "L", "RGB": "RGB"}.get(profile.profile.xcolor_space.strip())
        if mode is None:
            return shown(name)
        levels = np.arange(0, 256, 17).astype(np.uint8)
        colours = levels[:, None] if mode == "L" else np.stack(np.meshgrid(*[levels] * 3), -1).reshape(1, -1, 3)
        sample = Image.fromarray(colours)
        seen = ImageCms.profileToProfile(sample, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        difference = np.asarray(seen).astype(int) - np.asarray(sample.convert("RGB"))
    except (OSError, ImageCms.PyCMSError):
        return None
    return shown(name) if np.abs(difference).max() > _SAME_COLOURS else None


def _pixels(image: Image.Image, where: str) -> np.ndarray:
    """The values as they are shown: turned as EXIF says, without a transparency that hides nothing."""
    if _orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] != 255:  # noqa: PLR2004
            raise IdxError(f"{shown(where)}: has transparent pixels; expected opaque ones: lay it on a background")
    return np.asarray(image if image.mode == _MODE else image.convert("RGB"))


def label_of(name: str) -> int | None:
    """Finds the label of a class by its name, by the letters and digits of it where no other has the same, or by it."""
    if name in DATASET.class_names:
        return DATASET.class_names.index(name)
    same = [label for label, known in enumerate(DATASET.class_names) if _plain(known) == _plain(name)]
    if not same and name.isdecimal() and name.isascii() and str(int(name)) == name and int(name) < DATASET.num_classes:
        return int(name)
    return same[0] if len(same) == 1 else None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))
