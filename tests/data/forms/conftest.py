"""What the tests of each form share: the real sample as arrays, and what its folder resolves to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Split
from tfx_pipeline.data import idx, sources
from tfx_pipeline.data.forms import class_folders, npz, parquet, pixel_csv
from tfx_pipeline.data.idx_files import SPLIT_FILES
from tfx_pipeline.process.errors import UserError

Sample = dict[str, Split]
FORMS = {form.NAME: form.SOURCE for form in (class_folders, npz, parquet, pixel_csv)} | {"IDX files": "idx"}


@pytest.fixture
def sample(idx_folder: Callable[..., Path]) -> Sample:
    """200 + 50 real examples, which are in the folder `idx` as IDX files."""
    splits: Sample = {}
    idx_folder(alter=splits.update)
    return splits


@pytest.fixture
def resolved(tmp_path: Path) -> Callable[[Path | str], str]:
    """Resolves a folder or file as a run does, checks that it is the sample's data, and gives the line that says so."""

    def check(data_dir: Path | str) -> str:
        lines: list[str] = []
        expected = sources.resolve("idx", str(tmp_path / "idx"), tmp_path / "cache", print)
        got = sources.resolve("auto", str(data_dir), tmp_path / "other cache", lines.append)
        assert (got.digest, got.counts) == (expected.digest, expected.counts)
        assert got.source == next(source for name, source in FORMS.items() if lines[0].startswith(f"data: {name}"))
        for name, read in zip(SPLIT_FILES["train"], (idx.read_images, idx.read_labels), strict=True):
            np.testing.assert_array_equal(read(f"{got.path}/{name}", 0, 200), read(f"{tmp_path}/idx/{name}", 0, 200))
        assert not list((tmp_path / "other cache").glob(".staging-*"))
        return lines[0]

    return check


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[[Path | str], str]:
    """The line with which a folder or file is refused, after which nothing is left in the cache."""

    def line(data_dir: Path | str) -> str:
        with pytest.raises(UserError) as refused:
            sources.resolve("auto", str(data_dir), tmp_path / "cache", print)
        assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]
        assert "\n" not in str(refused.value)
        assert ".staging" not in str(refused.value)
        return str(refused.value)

    return line
