"""Says what a file is from its first bytes, where it is not what was expected."""

import re
from typing import Final

ENOUGH: Final = 64
"""Bytes that tell every kind."""

_KINDS: Final = (
    (rb"version https://git-lfs", "a Git-LFS pointer and not the file itself (run `git lfs pull`)"),
    (rb"(?i)\s*<(!doctype|html|head|body|\?xml|!--)", "a web page (download the file itself)"),
    (rb"\x1f\x8b", "gzip-compressed once more than expected (decompress it once)"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive"),
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8", "a GIF image"),
    (rb"RIFF....WEBP", "a WebP image"),
    (rb"BM.{4}\0\0\0\0", "a BMP image"),
    (rb"II\*\0|MM\0\*", "a TIFF image"),
    (rb"....ftyp(heic|heix|mif1|avif)", "a HEIC or AVIF image"),
    (rb"PAR1", "a Parquet file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"BZh", "bzip2-compressed"),
    (rb"\xfd7zXZ", "xz-compressed"),
    (rb"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (rb"7z\xbc\xaf", "a 7z archive"),
    (rb"\x80[\x02-\x05]", "a Python pickle"),
    (rb"\0\0\x09[\x01-\x08]", "an IDX file of signed bytes"),
    (rb"\0\0\x0b[\x01-\x08]", "an IDX file of 16-bit integers"),
    (rb"\0\0\x0c[\x01-\x08]", "an IDX file of 32-bit integers"),
    (rb"\0\0\x0d[\x01-\x08]", "an IDX file of 32-bit floats"),
    (rb"\0\0\x0e[\x01-\x08]", "an IDX file of 64-bit floats"),
    (rb"\0\0\x08[\x01-\x08]", "an IDX file of unsigned bytes with another number of dimensions"),
)


def kind_of(start: bytes) -> str | None:
    """Names the kind of a file.

    Args:
        start: Its first bytes, ``ENOUGH`` of them where there are so many.

    Returns:
        The kind in words, such as "a PNG image", or None where it is unknown.
    """
    if not start:
        return "empty"
    return next((kind for pattern, kind in _KINDS if re.match(pattern, start, re.DOTALL)), None)
