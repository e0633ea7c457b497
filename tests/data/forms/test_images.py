"""What image files say of themselves beyond their pixels: bits, orientation, colours, transparency."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.data.forms.conftest import Sample
from tfx_pipeline.data.forms.images import decode
from tfx_pipeline.data.stream import IdxError

ORIENTATION = 0x0112
# The signed 15.16 numbers of the matrix of Adobe RGB (1998), in the profile connection space.
ADOBE_RGB = {
    "rXYZ": (0.60974, 0.31111, 0.01947),
    "gXYZ": (0.20528, 0.62567, 0.06087),
    "bXYZ": (0.14919, 0.06322, 0.74457),
}


@pytest.fixture
def pixels(sample: Sample) -> np.ndarray:
    """A real image, uint8 [28, 28]."""
    image: np.ndarray = sample["train"].images[0]
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deep_png(pixels: np.ndarray, colour_type: int, channels: int) -> bytes:
    """A PNG file of 16 bits a channel, which Pillow does not write in colour."""
    values = np.repeat(pixels[..., None].astype(">u2") * 257, channels, axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">2I5B", *pixels.shape[::-1], 16, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera stores of an image that is shown as `pixels` with this orientation."""
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: np.rot90(pixels, 1),
        7: pixels[::-1, ::-1].T,
        8: np.rot90(pixels, -1),
    }[orientation]
    return np.ascontiguousarray(stored)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_read_as_exif_says_that_it_is_shown(pixels: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(turned(pixels, orientation))
    np.testing.assert_array_equal(decode(encoded(stored, exif=exif), "a.png"), pixels)
    jpeg = decode(encoded(stored, "JPEG", quality=100, exif=exif), "a.jpg").astype(int)
    assert np.abs(jpeg - pixels).mean() < 1


def test_an_image_of_another_size_is_refused_whatever_exif_says(pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with pytest.raises(IdxError, match=r"a\.png: is of 28x27 pixels; expected 28x28"):
        decode(encoded(Image.fromarray(pixels[:, :27].copy()), exif=exif), "a.png")


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_a_channel_are_refused_in_every_colour_type(
    pixels: np.ndarray, colour_type: int, channels: int
) -> None:
    with pytest.raises(IdxError, match=r"a\.png: has 16 bits a channel; expected 8: scale its values"):
        decode(deep_png(pixels, colour_type, channels), "a.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_an_opaque_alpha_channel_changes_nothing(pixels: np.ndarray, mode: str) -> None:
    image = Image.fromarray(pixels)
    content = encoded(image.convert("RGBA" if mode == "PA" else mode))
    np.testing.assert_array_equal(decode(content, "a.png"), pixels)


def test_a_palette_whose_transparent_colour_no_pixel_has_is_read(pixels: np.ndarray) -> None:
    image = Image.fromarray(np.minimum(pixels, 254)).convert("P")
    np.testing.assert_array_equal(decode(encoded(image, transparency=255), "a.png"), np.minimum(pixels, 254))
    with pytest.raises(IdxError, match=r"has transparent pixels; expected opaque ones"):
        decode(encoded(image, transparency=int(np.asarray(image)[0, 0])), "a.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_one_pixel_that_shines_through_is_refused(pixels: np.ndarray, mode: str) -> None:
    image = Image.fromarray(pixels).convert(mode)
    image.putpixel((5, 5), (7,) * (len(mode) - 1) + (254,))
    with pytest.raises(IdxError, match=r"a\.png: has transparent pixels; expected opaque ones: lay it on a background"):
        decode(encoded(image), "a.png")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_jpeg_is_read_in_its_own_colours_and_never_in_a_printers(pixels: np.ndarray, mode: str) -> None:
    content = encoded(Image.fromarray(pixels).convert("RGB").convert(mode), "JPEG", quality=100)
    if mode == "CMYK":
        with pytest.raises(IdxError, match=r"has pixels of the mode CMYK; expected L"):
            decode(content, "a.jpg")
    else:
        assert np.abs(decode(content, "a.jpg").astype(int) - pixels).mean() < 1


def adobe_rgb() -> bytes:
    """The profile that Pillow has of sRGB, with Adobe RGB's matrix."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        name, offset = profile[entry : entry + 4].decode(), int.from_bytes(profile[entry + 4 : entry + 8], "big")
        if name in ADOBE_RGB:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in ADOBE_RGB[name]))
    return bytes(profile)


def test_colours_of_another_profile_than_srgb_are_refused(pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels).convert("RGB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all"):
        np.testing.assert_array_equal(decode(encoded(image, icc_profile=profile), "a.png"), pixels)
    for kind in ("PNG", "JPEG"):
        with pytest.raises(IdxError, match=r"a: has the colours of sRGB built-in; expected sRGB: convert it"):
            decode(encoded(image, kind, icc_profile=adobe_rgb()), "a")


def test_a_cameras_mark_of_adobe_rgb_and_a_linear_gamma_are_refused(pixels: np.ndarray) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    image = Image.fromarray(pixels).convert("RGB")
    with pytest.raises(IdxError, match=r"has the colours of Adobe RGB; expected sRGB"):
        decode(encoded(image, "JPEG", exif=exif), "a.jpg")
    for gamma, fits in ((45455, True), (100000, False)):
        info = PngInfo()
        info.add(b"gAMA", struct.pack(">I", gamma))
        content = encoded(Image.fromarray(pixels), pnginfo=info)
        if fits:
            np.testing.assert_array_equal(decode(content, "a.png"), pixels)
        else:
            with pytest.raises(IdxError, match=r"has the colours of gamma 1; expected sRGB"):
                decode(content, "a.png")


def test_an_animation_is_refused(pixels: np.ndarray) -> None:
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    with pytest.raises(IdxError, match=r"a\.png: is an animation of 2 images; expected one image"):
        decode(encoded(frames[0], save_all=True, append_images=frames[1:]), "a.png")


def test_a_broken_image_is_named_and_not_its_buffer(pixels: np.ndarray) -> None:
    for kind, cut in (("PNG", 20), ("PNG", 60), ("JPEG", 30)):
        with pytest.raises(IdxError) as refused:
            decode(encoded(Image.fromarray(pixels), kind)[:cut], "a.png")
        assert str(refused.value).startswith("a.png: cannot be read (")
        assert "BytesIO" not in str(refused.value)


def test_an_image_of_another_kind_is_called_by_its_name(pixels: np.ndarray) -> None:
    for kind, name in {"WEBP": "WebP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF"}.items():
        with pytest.raises(
            IdxError, match=rf"a\.jpg: the file is a {name} image; expected a PNG image or a JPEG image"
        ):
            decode(encoded(Image.fromarray(pixels), kind), "a.jpg")
