"""TensorBoard and the report in a real browser: every dashboard and section shows its content, without errors.

The screenshots stay in output/screenshots, for a person to look at.
"""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from modules.dataset import DATASET
from tests.small_run import ROOT, Run
from tfx_pipeline.record.run_record import ComponentRun, RunRecord
from tfx_pipeline.review import report_pages
from tfx_pipeline.review.content import Review, Verdict
from tfx_pipeline.review.inputs import ReviewInputs
from tfx_pipeline.review.report_writer import write_report
from tfx_pipeline.review.tensorboard_writer import write_tensorboard
from tools.ports import held_ports

pytestmark = pytest.mark.e2e

SCREENSHOTS = ROOT / "output" / "screenshots"
RUNS = tuple(f"20260101-0000{number:02d}" for number in range(10))
SECTIONS = (
    "metrics", "classes", "confusion", "curves", "calibration", "mistakes", "data", "training", "configuration", "runs",
)  # fmt: skip
LOADING_SECONDS = 90
"""How long TensorBoard may take to show something where other tests use the machine as well."""


def chromium() -> str:
    """The browser's path; in the project's own image it must be there."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None and os.environ.get("FASHION_MNIST_ENV") != "image":
        pytest.skip("no Chromium here: install Debian's package chromium")
    assert found, "the image holds no Chromium"
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # A container's /dev/shm is too small for Chromium, and its sandbox needs privileges that a container has not.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium(), args=arguments) as launched,
    ):
        yield launched


@contextlib.contextmanager
def quiet_page(browser: Browser, width: int, height: int) -> Iterator[Page]:
    """A page whose console must stay free of errors."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(LOADING_SECONDS * 1000)
    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    yield page
    page.close()
    assert errors == []


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keeps a screenshot."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


@pytest.fixture(scope="module")
def log_directory(review: Review, review_inputs: ReviewInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reviews of ten runs, with as many configurations."""
    directory = tmp_path_factory.mktemp("tensorboard")
    for number, run in enumerate(RUNS, start=1):
        hyperparameters = review.hyperparameters | {"epochs": number, "learning_rate": number / 1000}
        shown = dataclasses.replace(review, hyperparameters=hyperparameters)
        write_tensorboard(shown, str(directory / run), review_inputs.training_logs, run)
    return directory


@pytest.fixture(scope="module")
def tensorboard(log_directory: Path) -> Iterator[str]:
    """TensorBoard on a free port of the loopback interface; its URL."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", log_directory, "--host", "127.0.0.1"]
    with (
        held_ports(0) as (port,),
        subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL) as server,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for_runs(url)
            yield url
        finally:
            server.terminate()


def wait_for_runs(url: str) -> None:
    """Waits until TensorBoard has read every run."""
    end = time.monotonic() + LOADING_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/data/runs") as answer:  # noqa: S310 - loopback
            if f'"{RUNS[-1]}"' in answer.read().decode():
                return
        time.sleep(0.5)
    raise TimeoutError(f"TensorBoard does not show {RUNS[-1]}")


@pytest.fixture
def dashboard(browser: Browser, tensorboard: str) -> Iterator[Page]:
    with quiet_page(browser, 1500, 1000) as page:
        page.goto(tensorboard)
        yield page


def open_tab(page: Page, name: str) -> None:
    """Opens a dashboard of TensorBoard by its tab, as a person does."""
    page.get_by_role("tab", name=name).click()


def test_time_series_begin_with_the_training_and_group_ten_runs(dashboard: Page) -> None:
    open_tab(dashboard, "Time Series")
    for group in ("epoch_accuracy", "epoch_loss", "evaluation"):
        expect(dashboard.get_by_text(group, exact=True).first).to_be_visible()
    expect(dashboard.get_by_text(RUNS[0], exact=True).first).to_be_visible()
    expect(dashboard.get_by_text(f"{RUNS[0]}/validation").first).to_be_visible()
    dashboard.wait_for_timeout(2000)
    shoot(dashboard, "tensorboard-time-series")


def test_scalars_show_a_chart_a_class(dashboard: Page) -> None:
    open_tab(dashboard, "Scalars")
    shown = dashboard.locator("tf-scalar-dashboard")
    shown.get_by_text("evaluation_by_class_recall", exact=True).first.click()
    for name in ("Shirt", "T-shirt\u2215top"):
        expect(shown.get_by_text(f"evaluation_by_class_recall/{name}").first).to_be_visible()
    dashboard.wait_for_timeout(2000)
    shoot(dashboard, "tensorboard-scalars")


def test_images_show_the_confusion_matrix_and_the_worst_mistakes(dashboard: Page) -> None:
    open_tab(dashboard, "Images")
    for group in ("review_confusion_matrix", "review_worst_mistakes", "review_calibration"):
        expect(dashboard.locator("tf-image-dashboard").get_by_text(group, exact=True).first).to_be_visible()
    picture = dashboard.locator("tf-image-loader img").first
    expect(picture).to_be_visible()
    dashboard.wait_for_function("image => image.naturalWidth > 600", arg=picture.element_handle())
    shoot(dashboard, "tensorboard-images")


def test_texts_show_the_verdict(dashboard: Page, review: Review) -> None:
    open_tab(dashboard, "Text")
    shown = dashboard.locator("tf-text-dashboard")
    expect(shown.get_by_text(f"{review.verdict.headline}.").first).to_be_visible()
    expect(shown.get_by_text("2_thresholds", exact=True).first).to_be_visible()
    shoot(dashboard, "tensorboard-text")


def test_pr_curves_show_each_class(dashboard: Page) -> None:
    open_tab(dashboard, "PR Curves")
    for name in ("Ankle boot", "Bag"):
        expect(dashboard.get_by_text(f"one class against the others/{name}").first).to_be_visible()
    expect(dashboard.get_by_text(f"{RUNS[-1]} is at step 0").first).to_be_attached()
    dashboard.wait_for_timeout(2000)
    shoot(dashboard, "tensorboard-pr-curves")


def test_hparams_compare_ten_runs_by_configuration_and_metrics(dashboard: Page, review: Review) -> None:
    open_tab(dashboard, "HParams")
    rows = dashboard.locator("vaadin-grid-cell-content")
    expect(rows.filter(has_text=RUNS[0]).first).to_be_visible()
    for column in ("learning_rate", "epochs", "accuracy", "recall of the worst class"):
        expect(dashboard.get_by_text(column, exact=True).first).to_be_attached()
    expect(dashboard.get_by_text("Number of matching session groups: 10")).to_be_attached()
    expect(rows.filter(has_text=f"{review.model.overall.accuracy:.5f}".rstrip("0")).first).to_be_attached()
    shoot(dashboard, "tensorboard-hparams")


@pytest.fixture(scope="module")
def reports(review: Review, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the reports of two runs, as a URL; the newest model was refused."""
    folder = tmp_path_factory.mktemp("report")
    reasons = ("accuracy is 0.6880, at least 0.8500 is required",)
    refused = dataclasses.replace(review, verdict=Verdict(blessed=False, reasons=reasons, baseline=None))
    for run, shown in zip(RUNS, (review, refused), strict=False):
        write_report(shown, str(folder / "page"))
        record = RunRecord(run, components=(ComponentRun("trainer", "succeeded", 9.5),))
        report_pages.publish(folder / "page", folder / "report", record)
    return (folder / "report").as_uri()


@pytest.mark.parametrize(("name", "width"), [("screen", 1200), ("phone", 390)])
def test_the_report_shows_every_section_and_fits(browser: Browser, reports: str, name: str, width: int) -> None:
    with quiet_page(browser, width, 900) as page:
        page.goto(f"{reports}/index.html")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.locator("h1")).to_contain_text("Refused: this model missed 1 threshold")
        expect(page.locator("#verdict li")).to_be_visible()
        for section in SECTIONS:
            box = page.locator(f"#{section}").bounding_box()
            assert box is not None
            assert box["height"] > 80, section
        for chart in page.locator("main svg").all():
            box = chart.bounding_box()
            assert box is not None
            assert box["width"] > 200
        shoot(page, f"report-{name}", whole=True)


def test_the_mistakes_are_square_pictures(browser: Browser, reports: str) -> None:
    with quiet_page(browser, 1200, 900) as page:
        page.goto(f"{reports}/index.html")
        pictures = page.locator(".mistakes img")
        assert pictures.count() == 24
        box = pictures.first.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(box["height"], abs=1)
        assert page.evaluate("[...document.images].every(image => image.naturalWidth === 28)")


def test_the_report_can_be_printed(browser: Browser, reports: str) -> None:
    with quiet_page(browser, 1200, 900) as page:
        page.goto(f"{reports}/index.html")
        printed = page.pdf(path=SCREENSHOTS / "report.pdf", format="A4")
        assert printed.startswith(b"%PDF")
        page.emulate_media(media="print")
        expect(page.locator("nav")).to_be_hidden()


def test_any_two_runs_can_be_compared(browser: Browser, reports: str, review: Review) -> None:
    with quiet_page(browser, 1100, 900) as page:
        page.goto(f"{reports}/index.html")
        page.get_by_role("link", name="Compare any two").click()
        expect(page.locator("#classes tbody tr")).to_have_count(len(DATASET.class_names))
        expect(page.locator("#overall")).to_contain_text(f"{review.model.overall.accuracy:.4f}")
        expect(page.locator("#verdicts")).to_contain_text("Refused")
        shoot(page, "compare", whole=True)
        page.locator("#first").select_option(RUNS[0])
        expect(page.locator("#verdicts")).not_to_contain_text("Refused")
        expect(page.locator("#configuration")).to_contain_text("learning_rate")


def test_a_whole_runs_report_opens_without_errors(browser: Browser, first_run: Run) -> None:
    with quiet_page(browser, 1200, 900) as page:
        page.goto((first_run.output / "report" / "index.html").as_uri())
        expect(page.locator("h1")).to_contain_text("Blessed")
        expect(page.locator("#configuration")).to_contain_text("evaluation-review")
        page.locator("#data summary").click()
        expect(page.locator("#data details table")).to_be_visible()
