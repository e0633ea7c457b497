"""The card stands beside the pushed model, and costs nothing where it fails."""

from pathlib import Path

import pytest
from tfx.types import artifact_utils, standard_artifacts

from modules.dataset import DATASET
from tests.review.conftest import HYPERPARAMETERS
from tests.small_run import Run
from tfx_pipeline.record.properties import data_origin
from tfx_pipeline.review.content import Review
from tfx_pipeline.review.model_card import model_card
from tfx_pipeline.serving.directory import ServingDirectory
from tfx_pipeline.serving.versions import MODEL_CARD
from tfx_pipeline.steps.pusher import push_model

HEADINGS = ("Intended use", "Signatures", "Metrics", "Limits", "Data", "Configuration", "Versions")


def card_of(review: Review, kind: str = "fashion-mnist") -> str:
    """The card of a review's model."""
    return model_card(
        model=review.model,
        baseline=None,
        hyperparameters=dict(HYPERPARAMETERS),
        training_end=(("kept epoch", "2, the last"),),
        data=(("data kind", kind), ("data digest", "5cf0562c")),
        versions=(("tfx", "1.21.0"),),
    )


def test_the_card_says_what_a_stranger_must_know(review: Review) -> None:
    card = card_of(review)
    assert all(f"\n## {heading}\n" in card for heading in HEADINGS)
    assert all(f"| {name} |" in card for name in DATASET.class_names)
    assert f"Accuracy {review.model.overall.accuracy:.4f}" in card
    assert "5cf0562c" in card
    assert "MIT, copyright 2017 Zalando SE" in card
    assert DATASET.licence in card
    assert card.startswith(f"# Model card: dense for {DATASET.title}\n")
    assert f"## Intended use\n\n{DATASET.intended_use}\n" in card
    assert "`image` (784 bytes, row by row)" in card
    assert "uint8 [batch, 28, 28]\n" in card
    assert "one of the 10 classes" in card


def test_the_licence_of_other_data_is_its_owners(review: Review) -> None:
    assert "Zalando SE" not in card_of(review, "custom")
    assert "| licence | that of your own data |" in card_of(review, "custom")


def test_a_run_pushes_the_card_with_the_model(first_run: Run) -> None:
    version = Path(first_run.manifest["pushed"])
    card = (version / MODEL_CARD).read_text()
    assert f"Accuracy {first_run.manifest['metrics']['accuracy']:.4f}" in card
    assert first_run.manifest["data"]["digest"] in card
    assert "| epochs | 2 |" in card
    assert "| trained epochs | 2 of 2 |\n| kept epoch | 2, the last |" in card
    assert "| train examples | 1,000, the first of 60,000 |" in card
    assert "| eval examples | 1,000, the first of 10,000 |" in card


def test_counts_are_those_of_all_the_data_without_a_limit() -> None:
    examples = standard_artifacts.Examples()
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    for split, taken, in_source in (("train", 3500, 3500), ("eval", 50, 1200)):
        examples.set_int_custom_property(f"{split}_examples", taken)
        examples.set_int_custom_property(f"{split}_in_source", in_source)
    rows = dict(data_origin(examples))
    assert (rows["train examples"], rows["eval examples"]) == ("3,500", "50, the first of 1,200")


def push(tmp_path: Path, card: str | None) -> Path:
    """Pushes a made-up model with or without a card and returns the version's directory."""
    model, blessing, pushed = (
        standard_artifacts.Model(),
        standard_artifacts.ModelBlessing(),
        standard_artifacts.PushedModel(),
    )
    evaluation = standard_artifacts.ModelEvaluation()
    model.uri, pushed.uri, evaluation.uri = (str(tmp_path / name) for name in ("model", "pushed", "evaluation"))
    saved = tmp_path / "model" / "Format-Serving"
    saved.mkdir(parents=True, exist_ok=True)
    saved.chmod(0o755)
    (saved / "saved_model.pb").write_bytes(b"graph")
    Path(evaluation.uri).mkdir(exist_ok=True)
    if card is not None:
        Path(evaluation.uri, MODEL_CARD).write_text(card)
    blessing.set_int_custom_property("blessed", 1)
    push_model(model, blessing, pushed, str(tmp_path / "serving"), evaluation)
    return Path(pushed.get_string_custom_property("pushed_destination"))


def test_a_model_without_a_card_is_pushed_all_the_same(tmp_path: Path) -> None:
    version = push(tmp_path, None)
    assert sorted(path.name for path in version.iterdir()) == ["saved_model.pb"]


def test_another_card_does_not_make_another_version(tmp_path: Path) -> None:
    first, second = push(tmp_path, "old"), push(tmp_path, "new")
    assert first == second
    place = ServingDirectory(tmp_path / "serving")
    assert place.newest() == int(first.name)
    assert place.holds(int(first.name), tmp_path / "model" / "Format-Serving")


@pytest.mark.parametrize("card", [None, "a card"])
def test_everybody_may_read_a_version(tmp_path: Path, card: str | None) -> None:
    assert push(tmp_path, card).stat().st_mode & 0o777 == 0o755
