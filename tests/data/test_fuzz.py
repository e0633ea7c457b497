"""Bytes of every kind as IDX files: what is no data set is refused in one line, within bounded memory and time."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tfx_pipeline.data import idx
from tfx_pipeline.data.stream import CHUNK, IdxError

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
"""Set it to a million and leave the test alone over night."""
FUZZ = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)

INDICES = st.integers(0, 2**33)
SIZES = st.one_of(st.integers(0, 40), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]))
BODY = st.one_of(st.binary(max_size=200), st.integers(0, 40_000).map(bytes))


@st.composite
def idx_files(draw: st.DrawFn) -> bytes:
    """Files that are whole, or nearly: any header, any number of values, and a few bytes changed."""
    dimensions = draw(st.integers(1, 4))
    magic = draw(st.sampled_from([idx.IMAGES_MAGIC, idx.LABELS_MAGIC, 2052, 0x0D03, 0, 2**32 - 1]))
    sizes = draw(st.lists(SIZES, min_size=dimensions, max_size=dimensions))
    content = bytearray(struct.pack(f">{1 + dimensions}I", magic, *sizes) + draw(BODY))
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=3)):
        content[place] = value
    return bytes(content[: draw(st.integers(0, len(content)))]) if draw(st.booleans()) else bytes(content)


@st.composite
def gzip_files(draw: st.DrawFn) -> bytes:
    """The same, compressed, in one member or more, with a few bytes changed and others behind."""
    content = draw(idx_files())
    split = draw(st.integers(0, len(content)))
    members = [content[:split], content[split:]] if draw(st.booleans()) else [content]
    packed = bytearray(b"".join(gzip.compress(part, 1) for part in members) + draw(st.binary(max_size=20)))
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(packed) - 1), st.integers(0, 255)), max_size=3)):
        packed[place] = value
    return bytes(packed)


def read(path: Path, start: int, count: int) -> None:
    """Reads a file in every way: an array that agrees with the header, or an IdxError of one line with the path."""
    for reader in (idx.read_images, idx.read_labels):
        refusal = ""
        try:
            shape = idx.read_header(str(path))
            values = reader(str(path), start, count)
        except IdxError as error:
            refusal = str(error)
        if refusal:
            assert str(path) in refusal
            assert "\n" not in refusal
        else:
            assert values.dtype == np.uint8
            assert values.shape == (max(0, min(count, shape[0] - start)), *shape[1:])


HUGE = struct.pack(">4I", idx.IMAGES_MAGIC, 2**32 - 1, 2**32 - 1, 2**32 - 1)
CORPUS = [
    b"",
    HUGE[:7],
    HUGE,
    HUGE + bytes(1000),
    struct.pack(">4I", idx.IMAGES_MAGIC, 0, 28, 28),
    struct.pack(">4I", idx.IMAGES_MAGIC, 1, 0, 0),
    struct.pack(">4I", idx.IMAGES_MAGIC, 0, 2**32 - 1, 2**32 - 1),
    struct.pack(">4I", idx.IMAGES_MAGIC, 0, idx.LARGEST_SIDE, idx.LARGEST_SIDE),
    struct.pack(">2I", idx.LABELS_MAGIC, 3) + b"\1\2\3",
    struct.pack(">2I", idx.LABELS_MAGIC, 3) + b"\1\2\3\4",
    struct.pack(">4I", idx.IMAGES_MAGIC, 2**32 - 1, 1, 1) + bytes(50),
]


@FUZZ
@given(
    content=st.one_of(st.binary(max_size=300), idx_files()), start=st.integers(0, 2**33), count=st.integers(0, 2**33)
)
def test_any_plain_file_is_read_as_its_header_says_or_refused_in_one_line(
    content: bytes, start: int, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    read(path, start, count)
    read(path, start % 8, count % 64)


@FUZZ
@given(content=st.one_of(st.binary(max_size=300), gzip_files()), start=st.integers(0, 100), count=st.integers(0, 2**33))
@example(content=gzip.compress(HUGE), start=0, count=2**32)
@example(content=gzip.compress(HUGE[:5]) + b"\0", start=0, count=1)
def test_any_compressed_file_is_read_as_its_header_says_or_refused_in_one_line(
    content: bytes, start: int, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    read(path, start, count)


@pytest.mark.parametrize("content", CORPUS)
@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_a_header_that_promises_more_than_there_is_costs_no_memory(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    tracemalloc.start()
    try:
        read(path, 0, 2**32)
        assert tracemalloc.get_traced_memory()[1] < 4 * CHUNK
    finally:
        tracemalloc.stop()
