"""Another data set through the whole pipeline: one changed file in modules/ and one TOML file, nothing else."""

import html
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import write_idx
from tests.small_run import ROOT, Run, checkout, dataset_module, local_runner
from tfx_pipeline.data import idx, sources

pytestmark = pytest.mark.e2e
OTHER_CLASSES = pytest.mark.thorough(
    "modules/", "tfx_pipeline/data/", "tfx_pipeline/gate/", "tfx_pipeline/review/", "docs/bring-your-own.md"
)

TOML = """\
[data]
source = "idx"
dir = "images"

[training]
epochs = {epochs}
batch_size = 32

[evaluation]
min_accuracy = {min_accuracy}
min_class_accuracy = 0.5

"""


@dataclass(frozen=True)
class Project:
    """A checkout of another data set, the values of its ImageDataset, and the folder of its files."""

    root: Path
    values: dict[str, Any]
    data: str = "images"

    def python(self, *arguments: str) -> str:
        """Runs Python in the checkout, with a data cache of its own; returns what it printed."""
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.root, check=True, stdout=subprocess.PIPE, text=True).stdout

    def run(self, *flags: str) -> Run:
        """Runs its pipeline."""
        return local_runner(self.root / "output", "--config", "my.toml", *flags, root=self.root)


def project(folder: Path, images: dict[str, tuple[np.ndarray, np.ndarray]], **values: Any) -> Project:
    """Makes a checkout for images and labels by the prefix of their files, with `images/` beside it."""
    root = checkout(folder, dataset_module(**values))
    (root / "images").mkdir()
    for prefix, (pixels, labels) in images.items():
        write_idx(root / f"images/{prefix}-images-idx{pixels.ndim}-ubyte", pixels)
        write_idx(root / f"images/{prefix}-labels-idx1-ubyte", labels)
    return Project(root, values)


def configure(made: Project, epochs: int, min_accuracy: float) -> dict[str, Any]:
    """Writes the TOML file, its limits measured by the project's command; returns its content."""
    limits = made.python("-m", "tfx_pipeline.gate.measure", "--data-dir", "images")
    text = TOML.format(epochs=epochs, min_accuracy=min_accuracy) + limits
    (made.root / "my.toml").write_text(text)
    return tomllib.loads(text)


def assert_pushed(made: Project, run: Run, accuracy: float) -> None:
    """Every place that names the data set, its classes or its shape follows from the one object."""
    assert run.code == 0, run.console
    manifest = run.manifest
    assert (manifest["status"], manifest["blessed"]) == ("succeeded", True), run.console
    assert manifest["metrics"]["accuracy"] >= accuracy
    assert list(manifest["metrics"]["per_class_accuracy"]) == list(made.values["class_names"])
    assert (manifest["data"]["source"], manifest["data"]["kind"]) == ("idx", made.values["name"])
    assert manifest["data_gate"]["ok"]
    assert manifest["data_gate"]["headline"].endswith("checks passed")
    assert_serves(made, Path(manifest["pushed"]))
    card = (Path(manifest["pushed"]) / "MODEL_CARD.md").read_text()
    assert card.startswith(f"# Model card: dense for {made.values['title']}\n")
    assert made.values["intended_use"] in card
    assert made.values["licence"] in card
    assert "Fashion" not in card.replace(made.values["title"], "").replace(made.values["licence"], "")
    report = (run.output / "report" / "index.html").read_text()
    assert html.escape(made.values["title"]) in report.partition("</title>")[0]


def assert_serves(made: Project, pushed: Path) -> None:
    """Both signatures take the images of this data set and answer with its classes."""
    images = idx.read_images(str(next(made.root.glob(f"{made.data}/t10k-images*"))), 0, 50)
    labels = idx.read_labels(str(made.root / made.data / "t10k-labels-idx1-ubyte"), 0, 50)
    model = tf.saved_model.load(str(pushed))
    shape = made.values["image_shape"]
    spec = model.signatures["serving_images"].structured_input_signature[1]["images"]
    assert (spec.shape.as_list(), spec.dtype) == ([None, *shape], tf.uint8)
    answer = model.signatures["serving_images"](images=tf.constant(images))
    assert answer["probabilities"].shape == (50, len(made.values["class_names"]))
    names = [made.values["class_names"][label] for label in labels]
    assert np.mean(answer["class_names"].numpy().astype(str) == names) > 0.8
    features = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[images[0].tobytes()]))}
    example = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    from_bytes = model.signatures["serving_default"](examples=tf.constant([example]))
    np.testing.assert_allclose(from_bytes["probabilities"][0], answer["probabilities"][0], rtol=1e-4)


@pytest.fixture
def clothes(dataset: sources.VerifiedFiles) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The first real images: 3,000 for training and 1,500 for evaluation."""
    return {
        prefix: (
            idx.read_images(f"{dataset.path}/{prefix}-images-idx3-ubyte", 0, count),
            idx.read_labels(f"{dataset.path}/{prefix}-labels-idx1-ubyte", 0, count),
        )
        for prefix, count in {"train": 3_000, "t10k": 1_500}.items()
    }


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: sources.VerifiedFiles) -> None:
    """What these runs cache goes away with them; the real images are there already."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.thorough(
    "modules/", "tfx_pipeline/data/", "tfx_pipeline/gate/", "tfx_pipeline/review/", "docs/bring-your-own.md"
)
def test_five_of_the_classes_alone(clothes: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path) -> None:
    kept = [1, 5, 7, 8, 9]
    five = {}
    for prefix, (images, labels) in clothes.items():
        chosen = np.isin(labels, kept)
        five[prefix] = images[chosen], np.searchsorted(kept, labels[chosen])
    made = project(
        tmp_path / "five", five, name="five-clothes", title="Five kinds of clothes", image_shape=(28, 28),
        class_names=("Trouser", "Sandal", "Sneaker", "Bag", "Ankle boot"), intended_use="For five kinds of clothes.",
        licence="MIT, copyright 2017 Zalando SE",
    )  # fmt: skip
    measured = configure(made, epochs=3, min_accuracy=0.8)["data_gate"]
    assert {len(values) for values in measured.values()} == {5}
    assert_pushed(made, made.run(), accuracy=0.85)
    gate = json.loads(next((made.root / "output/pipeline/data-gate/report").glob("*/value")).read_bytes())
    assert "labels outside 0 to 4" in {check["name"] for check in gate["checks"]}


@pytest.mark.thorough(
    "modules/", "tfx_pipeline/data/", "tfx_pipeline/gate/", "tfx_pipeline/review/", "docs/bring-your-own.md"
)
def test_the_digits_as_the_page_has_them(tmp_path: Path) -> None:
    page, _, _ = (ROOT / "docs/bring-your-own.md").read_text().partition("## From here")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    files = dict(re.match(r"# (\S+)\n(.*)", text, re.DOTALL).groups() for _, text in blocks if text.startswith("# "))
    assert list(files) == ["write_digits.py", "modules/dataset.py", "digits.toml"]
    root = checkout(tmp_path / "digits", "")
    for name, text in files.items():
        (root / name).write_text(text)
    console = ""
    for kind, text in blocks:
        if kind == "sh":
            command = text.replace("tools/env python", sys.executable)
            done = subprocess.run(["/bin/sh", "-ec", command], cwd=root, capture_output=True, text=True, check=True)
            console = done.stdout
    names: dict[str, Any] = {}
    exec(files["modules/dataset.py"], names)  # noqa: S102
    made = Project(root, vars(names["DATASET"]), "digits")
    run = Run(root / "output", console, 0)
    assert_pushed(made, run, accuracy=0.93)
    shown = next(text for kind, text in blocks if kind == "text")
    assert {without_figures(line) for line in shown.splitlines()} <= set(map(without_figures, console.splitlines()))


def without_figures(line: str) -> str:
    """A line of the console as it is in every run."""
    return re.sub(r"[0-9][0-9.,]*", "#", line)


def test_colour_images(clothes: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path) -> None:
    hues = np.random.default_rng(5).integers(60, 256, (10, 3))
    tinted = {
        prefix: ((images[..., None] * hues[labels][:, None, None] // 255).astype(np.uint8), labels)
        for prefix, (images, labels) in clothes.items()
    }
    made = project(
        tmp_path / "colour", tinted, name="tinted-clothes", title="Tinted clothes", image_shape=(28, 28, 3),
        class_names=tuple("abcdefghij"), intended_use="For clothes that are dyed by kind.", licence="MIT",
    )  # fmt: skip
    measured = configure(made, epochs=2, min_accuracy=0.8)["data_gate"]
    images = tinted["train"][0][tinted["train"][1] == 3].astype(float)
    gradients = [np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]
    assert measured["expected_gradient"][3] == pytest.approx(sum(gradients) / 2, abs=0.01)
    assert measured["expected_intensity"][3] == pytest.approx(images.mean(), abs=0.01)
    assert measured["expected_contrast"][3] == pytest.approx(images.std(axis=(1, 2, 3)).mean(), abs=0.01)
    assert_pushed(made, made.run(), accuracy=0.85)
