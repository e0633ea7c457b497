"""What README and docs promise of the code."""

import re
from pathlib import Path

import pytest

from tests.small_run import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_the_readme_is_read_in_a_few_minutes_and_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 900
    first_screen = "\n".join(text.splitlines()[:25])
    assert "make run " in first_screen
    assert "make test " in first_screen


def test_every_file_that_contributing_tells_to_change_is_there() -> None:
    lists = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## To add")[2].partition("## Checks")[0]
    named = set(re.findall(r"`((?:modules|tfx_pipeline)/[\w/]+\.py)`", lists))
    assert len(named) >= 8
    assert all((ROOT / name).is_file() for name in named if "NAME" not in name)
