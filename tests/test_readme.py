"""What the README promises of the code."""

import re
from itertools import chain

from tests.small_run import ROOT


def test_an_evening_is_as_long_as_the_readme_says() -> None:
    said = re.search(r"an evening, about ([\d,]+) lines", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    folders = (ROOT / "modules", ROOT / "tfx_pipeline" / "components")
    files = chain([ROOT / "tfx_pipeline" / "pipeline.py"], *(folder.rglob("*.py") for folder in folders))
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    assert abs(lines - int(said.replace(",", ""))) <= 100


def test_every_file_that_contributing_tells_to_change_is_there() -> None:
    lists = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## To add")[2].partition("## Checks")[0]
    named = set(re.findall(r"`((?:modules|tfx_pipeline)/[\w/]+\.py)`", lists))
    assert len(named) >= 8
    assert all((ROOT / name).is_file() for name in named if "NAME" not in name)
