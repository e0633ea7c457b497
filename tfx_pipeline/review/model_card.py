"""The model card: what people need to know who get the model without the pipeline (arXiv:1810.03993)."""

from collections.abc import Collection
from typing import Final

from modules.dataset import DATASET
from tfx_pipeline.evaluation.scores import ModelScores
from tfx_pipeline.record.examples import Rows
from tfx_pipeline.review import markdown

CUSTOM_KIND: Final = "custom"
"""The kind that example-gen notes for data other than the published data set, whose licence is unknown."""

LIMITS: Final = f"""\
- It always answers with one of the {DATASET.num_classes} classes, also for an image of something else.
- It was evaluated on images made like those it was trained on; expect less on any others.
- The figures by class show where it errs most."""

SIGNATURES: Final = f"""\
- `serving_default`: serialized tf.Examples, string [batch]; feature `image` ({DATASET.image_bytes} bytes, row by row)
- `serving_images`: images, uint8 [{", ".join(map(str, ("batch", *DATASET.image_shape)))}]

Both return `logits`, `probabilities`, `classes` and `class_names`."""


def model_card(
    *,
    model: ModelScores,
    baseline: ModelScores | None,
    hyperparameters: dict[str, str | int | float],
    training_end: Rows,
    data: Rows,
    versions: Rows,
    tuned: Collection[str] = (),
) -> str:
    """Writes the card.

    Args:
        model: What TFMA measured of the model.
        baseline: The same of the model pushed before; None where there was none.
        hyperparameters: What it was trained with.
        training_end: How many epochs it was trained for, and which was kept.
        data: What it was trained and evaluated on, with a row "data kind".
        versions: Versions of the libraries.
        tuned: The names of the hyperparameters that a search chose.

    Returns:
        Markdown.
    """
    licence = DATASET.licence if dict(data).get("data kind") != CUSTOM_KIND else "that of your own data"
    name = hyperparameters.get("model_name", "model")
    sections = {
        f"# Model card: {name} for {markdown.escaped(DATASET.title)}": f"Accuracy {markdown.accuracy(model.overall)}.",
        "## Intended use": markdown.escaped(DATASET.intended_use),
        "## Signatures": SIGNATURES,
        "## Metrics": f"{markdown.overall(model, baseline)}\n\n{markdown.classes(model, baseline)}",
        "## Limits": f"{LIMITS}\n- {_weakest(model)}",
        "## Data": markdown.table(("what", "value"), (*data, ("licence", licence))),
        "## Configuration": markdown.table(
            ("what", "value"), (*markdown.hyperparameters(hyperparameters, tuned), *training_end)
        ),
        "## Versions": markdown.table(("what", "version"), versions),
    }
    return "\n\n".join(f"{title}\n\n{body}" for title, body in sections.items()) + "\n"


def _weakest(model: ModelScores) -> str:
    worst = model.worst_class
    if not worst:
        return "No class had examples to measure it on."
    name, share = markdown.escaped(worst.name), markdown.percent(worst.recall)
    return f"It recognises {name} least: {share} of those in the evaluation."
