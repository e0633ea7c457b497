"""Whatever text modules/dataset.py takes as a class's name is shown as it is, in every place."""

import dataclasses
import html
import io
import re
import warnings
from pathlib import Path

import markdown as python_markdown
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from modules.dataset import DATASET
from tfx_pipeline.review import charts, fonts, kubeflow_writer, model_card, tensorboard_writer
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.markdown import escaped
from tfx_pipeline.review.report_writer import render

NAMES = (
    "$5",
    "A/B",
    "A\u2215B",
    "A or B",
    "お",
    "き",
    "<b>れ</b>",
    "や|れ",
    "all examples",
    "_x_ *y* [z](w) `a` #1 \\",
)


@pytest.fixture
def renamed(review: Review, monkeypatch: pytest.MonkeyPatch) -> Review:
    """The first run's review, as if its data set had such classes."""
    names = dict(zip(DATASET.class_names, NAMES, strict=True))
    other = dataclasses.replace(DATASET, class_names=NAMES)
    for module in (charts, tensorboard_writer, model_card):
        monkeypatch.setattr(module, "DATASET", other)
    charts._style.cache_clear()
    classes = tuple(dataclasses.replace(c, name=names[c.name]) for c in review.model.classes)
    predictions = dataclasses.replace(
        review.predictions,
        curves=tuple(dataclasses.replace(c, name=names[c.name]) for c in review.predictions.curves),
        mistakes=tuple(
            dataclasses.replace(m, label=names[m.label], predicted=names[m.predicted])
            for m in review.predictions.mistakes
        ),
    )
    thresholds = tuple(
        dataclasses.replace(t, class_name=names[t.class_name] if t.class_name else None) for t in review.thresholds
    )
    model = dataclasses.replace(review.model, classes=classes)
    return dataclasses.replace(review, model=model, predictions=predictions, thresholds=thresholds)


def test_the_page_has_each_name_as_it_is(renamed: Review) -> None:
    page = render(renamed)
    section = page.partition('<section id="classes"')[2].partition("</section>")[0]
    assert [html.unescape(name) for name in re.findall(r'<tr><th scope="row">(.*?)</th>', section)] == list(NAMES)
    assert {html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", page)} >= set(NAMES)
    assert page.count(">all examples</th>") == 3  # the whole and the class among the thresholds, and the class


def test_tensorboard_has_a_tag_for_each_class_and_pictures_that_tell_them_apart(
    renamed: Review, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        tensorboard_writer.write_tensorboard(renamed, str(tmp_path / "run"), "/nowhere", "run")
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"tensors": 0}).Reload()
    recalls = [tag for tag in events.PluginTagToContent("scalars") if "_recall/" in tag]
    assert len(recalls) == len(events.PluginTagToContent("pr_curves")) == len(NAMES)
    assert all(tag.count("/") == 1 for tag in recalls)
    description = events.SummaryMetadata("review_confusion_matrix").summary_description
    assert len(set(fonts.pictured(NAMES))) == len(NAMES)
    for label in (4, 5):
        if fonts.pictured(NAMES)[label] != NAMES[label]:  # no font here has Japanese letters
            assert f"Class {label} is {NAMES[label]}." in description
            assert fonts.pictured(NAMES)[label] == f"class {label}"


def test_the_picture_of_two_names_is_not_the_same(renamed: Review) -> None:
    def picture(name: str) -> np.ndarray:
        shown = charts.confusion(renamed.model, (name, *fonts.pictured(NAMES)[1:]))
        return np.asarray(Image.open(io.BytesIO(shown.png(40))))

    shown = fonts.pictured(NAMES)
    first, second = picture(shown[4]), picture(shown[5])
    assert first.shape != second.shape or (first != second).any()


@pytest.mark.parametrize("name", [*NAMES, "1. first", "- dash", "+ plus", "a_b", "&amp;", "\\|"])
def test_markdown_shows_the_text_and_no_markup(name: str) -> None:
    cell = python_markdown.markdown(f"| a |\n| :-- |\n| {escaped(name)} |", extensions=["tables"])
    assert html.unescape(re.findall(r"<td[^>]*>(.*?)</td>", cell)[0]) == name
    assert python_markdown.markdown(escaped(name), extensions=["tables"]).startswith("<p>")


def test_card_and_kubeflow_show_no_tag(renamed: Review, tmp_path: Path) -> None:
    kubeflow_writer.write_markdown(renamed, str(tmp_path / "summary.md"))
    card = model_card.model_card(
        model=renamed.model, baseline=None, hyperparameters={}, training_end=(), data=(), versions=()
    )
    for text in ((tmp_path / "summary.md").read_text(), card):
        assert "<b>" not in text
        assert r"&lt;b&gt;れ&lt;/b&gt;" in text
