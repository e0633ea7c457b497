"""Run parameters: what the page lists is what the package has."""

import re

from tests.kubeflow.conftest import Documents
from tests.small_run import ROOT


def test_the_page_names_every_run_parameter_and_no_other(package: Documents) -> None:
    page = (ROOT / "docs" / "kubeflow.md").read_text(encoding="utf-8")
    table = page.partition("### Run parameters")[2].partition("What you pass")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if "|" in row]
    named = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert named == {*package.parameters, "repo_url", "repo_ref", "trials"}
