"""The page needs nothing but itself, and says everything."""

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest
from sklearn.metrics import precision_score, recall_score

from modules.dataset import DATASET
from tests.predictions import Predicted
from tfx_pipeline.record.run_record import ComponentRun, RunRecord
from tfx_pipeline.review import markdown, report_pages
from tfx_pipeline.review.content import Review, Verdict
from tfx_pipeline.review.report_writer import digest, embedded, render, write_report

SECTIONS = (
    "metrics", "classes", "confusion", "curves", "calibration", "mistakes", "data", "training", "configuration",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(review: Review) -> str:
    return render(review)


def test_the_page_loads_nothing_from_elsewhere_and_is_small(page: str) -> None:
    references = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert {reference for reference in references if not reference.startswith(("#", "data:"))} == set()
    assert '<link rel="stylesheet"' not in page
    assert len(page.encode()) < 3_000_000


def test_the_page_shows_scikit_learns_figures_to_the_digit(page: str, predicted: Predicted) -> None:
    precision = precision_score(predicted.labels, predicted.classes, average=None)
    recall = recall_score(predicted.labels, predicted.classes, average=None)
    section = page.partition('<section id="classes"')[2].partition("</section>")[0]
    for label, name in enumerate(DATASET.class_names):
        row = re.search(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', section)
        assert row is not None
        cells = re.findall(r"<td>(.*?)</td>", row[1])
        assert cells[1:3] == [f"{precision[label]:.4f}", f"{recall[label]:.4f}"]


def test_every_threshold_is_listed_with_metric_limit_and_outcome(page: str, review: Review) -> None:
    accuracy = f"{review.model.overall.accuracy:.4f}"
    low, high = (f"{limit:.4f}" for limit in review.model.overall.interval)
    row = f"| all examples | accuracy | {accuracy} | {low} to {high} | ≥ 0.5000 | passed |"
    assert row in markdown.thresholds(review)
    cells = f'<td class="passed">✓ passed</td><td>{accuracy}</td><td>≥ 0.5000</td><td>{low} to {high}</td></tr>'
    assert cells in page
    change = dataclasses.replace(review.thresholds[0], change=True, value=-0.02, limit=-0.01, passed=False)
    compared = render(dataclasses.replace(review, thresholds=(*review.thresholds[:1], change, *review.thresholds[1:])))
    assert '<td class="words">change of accuracy from the baseline</td><td class="missed">' in compared
    assert "✗ missed</td><td>-0.0200</td><td>≥ -0.0100</td><td></td></tr>" in compared


def test_each_class_has_an_interval_as_the_whole_has(review: Review) -> None:
    few = dataclasses.replace(review.model.classes[0], examples=12, recall=0.75)
    assert few.interval == pytest.approx((0.4677, 0.9111), abs=1e-4)  # Wilson's, worked out by hand for 9 of 12
    model = dataclasses.replace(review.model, classes=(few, *review.model.classes[1:]))
    assert "| 0.7500 | 0.4677 to 0.9111 |" in markdown.classes(model)
    assert "<td>0.4677 to 0.9111</td>" in render(dataclasses.replace(review, model=model))


def test_the_losses_that_do_not_compare_are_named(review: Review) -> None:
    smoothed = dataclasses.replace(review, hyperparameters=review.hyperparameters | {"label_smoothing": 0.1})
    assert "smoothed labels (label_smoothing 0.1)" in render(smoothed)
    assert "smoothed labels" not in render(review)


def test_the_data_set_is_named_and_its_images_have_its_size(page: str) -> None:
    height, width = DATASET.image_shape[:2]
    assert f"<title>Blessed: {DATASET.title}, accuracy " in page
    assert f'width="{width}" height="{height}" alt="Example ' in page


def test_every_section_has_content(page: str) -> None:
    for section in SECTIONS:
        content = page.partition(f'<section id="{section}"')[2].partition("</section>")[0]
        assert len(re.sub(r"<[^>]*>", "", content).strip()) > 50, section


def test_every_chart_has_a_text_alternative(page: str) -> None:
    alternatives = re.findall(r'<div role="img" aria-label="([^"]+)">\s*<svg aria-hidden="true"', page)
    assert len(alternatives) == page.count("<svg ") == 15
    assert min(map(len, alternatives)) > 30
    assert page.count('<img src="data:image/png') == page.count('alt="Example ')


def test_ids_are_unique(page: str) -> None:
    body = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    ids = re.findall(r'\sid="([^"]+)"', body)
    assert len(ids) == len(set(ids))


def test_what_others_wrote_is_escaped(review: Review) -> None:
    hostile = "</script><script>alert(1)</script>"
    refused = Verdict(blessed=False, reasons=(hostile,), baseline=None)
    page = render(dataclasses.replace(review, verdict=refused, data=(("data source", hostile),)))
    assert hostile not in page
    assert "&lt;/script&gt;" in page


def test_the_digest_in_the_page_is_json_without_nan(review: Review) -> None:
    classes = (dataclasses.replace(review.model.classes[0], recall=math.nan), *review.model.classes[1:])
    undefined = dataclasses.replace(review, model=dataclasses.replace(review.model, classes=classes))
    content = json.loads(str(embedded(digest(undefined))), parse_constant=pytest.fail)
    assert content["classes"][0]["recall"] is None
    assert [c["name"] for c in content["classes"]] == list(DATASET.class_names)


@pytest.fixture(scope="module")
def folder(review: Review, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of two runs, the second of a refused model."""
    directory = tmp_path_factory.mktemp("reports")
    refused = dataclasses.replace(review, verdict=Verdict(blessed=False, reasons=("too bad",), baseline=7))
    for run, shown in (("20260101-000000", review), ("20260102-000000", refused)):
        write_report(shown, str(directory / "page"))
        steps = (ComponentRun("trainer", "succeeded", 12.34), ComponentRun("pusher", "not run", 0.0))
        record = RunRecord(run, components=steps, pushed="serving/1")
        report_pages.publish(directory / "page", directory / "report", record)
    return directory / "report"


def test_the_index_is_the_newest_report_with_a_list_of_all(folder: Path) -> None:
    index = (folder / "index.html").read_text()
    assert "too bad" in index
    assert "Run 20260102-000000" in index
    for run in ("20260101-000000", "20260102-000000"):
        assert f'<a href="{run}.html">' in index
        assert (folder / f"{run}.html").is_file()
    assert "slot:" not in index


def test_the_runner_adds_timings_and_the_place_of_the_push(folder: Path) -> None:
    page = (folder / "20260101-000000.html").read_text()
    assert "<td>12.3 s</td>" in page
    assert "Pushed as <code>serving/1</code>" in page


def test_runs_are_read_back_from_their_pages(folder: Path, review: Review) -> None:
    runs = report_pages.read_runs(folder)
    assert list(runs) == ["20260102-000000", "20260101-000000"]
    assert runs["20260101-000000"]["overall"]["accuracy"] == review.model.overall.accuracy
    assert not runs["20260102-000000"]["blessed"]


def test_a_page_that_is_no_report_is_passed_over(folder: Path) -> None:
    note = folder / "note.html"
    note.write_text("<p>mine</p>")
    assert "note" not in report_pages.read_runs(folder)
    note.unlink()
