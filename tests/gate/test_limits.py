"""The reviewed limits: complete, with reasons, measured on the real data, and settable."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gate.samples import Sample, Samples, draw, judge_samples, judged
from tests.small_run import ROOT
from tfx_pipeline.config.flags import load
from tfx_pipeline.config.limits import LIMITS_FILE, REASONS, Limits
from tfx_pipeline.config.sections import DataConfig
from tfx_pipeline.gate import expectations
from tfx_pipeline.process.errors import UserError


def measured_on(sample: Sample) -> dict[str, list[Any]]:
    """What the command measures."""
    starts = range(0, len(sample), 1_000)
    return expectations.measured(
        lambda: ((sample.images[i : i + 1_000].reshape(-1, 784), sample.labels[i : i + 1_000]) for i in starts)
    )


def test_file_holds_every_limit_and_a_reason_for_each() -> None:
    content = tomllib.loads(LIMITS_FILE.read_text())
    assert set(content) == set(Limits.model_fields)
    assert all(len(REASONS[name]) > 20 for name in content)
    for name, limit in content.items():
        assert getattr(Limits(), name) == limit["value"]


def test_expected_values_are_those_of_the_real_training_images(whole: Samples) -> None:
    measured = measured_on(whole["train"])
    assert measured == {name: getattr(Limits(), name) for name in measured}
    assert set(measured) == {name for name, value in Limits() if isinstance(value, list)}


def test_measured_settings_of_other_data_let_it_pass(real: Sample, tmp_path: Path) -> None:
    samples = draw(real, 2, 2_000, 1_000)
    dark = {split: sample.with_images(sample.images // 3) for split, sample in samples.items()}
    assert judge_samples(tmp_path, dark).anomalies
    config = tmp_path / "my.toml"
    config.write_text("\n".join(expectations.as_toml(measured_on(dark["train"]))))
    assert judge_samples(tmp_path, dark, load({"config": str(config)}).data_gate).anomalies == []


def limits_of(sample: Sample) -> Limits:
    """The limits that the command's output holds."""
    return Limits(**tomllib.loads("\n".join(expectations.as_toml(measured_on(sample))))["data_gate"])


@pytest.mark.parametrize("seed", range(5))
def test_limits_measured_on_few_images_let_others_pass_and_stop_wrong_labels(seed: int, real: Sample) -> None:
    samples = draw(real, seed, 2_000, 1_000)
    limits = limits_of(samples["train"])
    assert judged(samples, limits).anomalies == []
    assert judged({split: sample.with_images(sample.images[:, ::-1]) for split, sample in samples.items()}, limits)
    tenth = {split: s.with_labels((s.labels[::10] + 5) % 10, slice(None, None, 10)) for split, s in samples.items()}
    assert "max_unlike" in {check.setting for check in judged(tenth, limits).anomalies}


@pytest.mark.parametrize("seed", range(5))
def test_classes_that_look_the_same_are_not_asked_to_differ(seed: int, real: Sample) -> None:
    samples = draw(real, seed, 2_000, 1_000)
    rng = np.random.default_rng(seed)
    alike = {split: sample.with_labels(rng.integers(0, 10, len(sample))) for split, sample in samples.items()}
    report = judged(alike, limits_of(alike["train"]))
    assert not [check for check in report.anomalies if check.name == "distinctness"]
    assert sum(check.name == "distinctness" for check in report.checks) <= 8


def test_a_class_of_one_image_can_be_measured(samples: Samples) -> None:
    train = samples["train"]
    single = train.without((train.labels == 7) & (np.cumsum(train.labels == 7) > 1))
    measured = measured_on(single)
    assert measured["image_error"][7] == 0
    assert len(measured["expected_image"][7]) == 49


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (lambda train: train.with_labels(11, slice(1)), "labels outside 0 to 9 in train: 1"),
        (lambda train: train.with_images(np.zeros((100, 28, 28), np.uint8), slice(100)), "blank images in train: 5 %"),
    ],
    ids=["a label outside", "blank images"],
)
def test_what_the_gate_would_refuse_is_not_measured(alter: Any, expected: str, samples: Samples) -> None:
    with pytest.raises(UserError, match=f"^{expected}.* correct the data, then measure it$"):
        measured_on(alter(samples["train"]))


FILE = """# Mine.
[data]
data_dir = "images"

[data_gate]
# As reviewed.
max_blank = 0.05
expected_share = [
  [1],  # old
  2,
]
max_repeats = 0.01

[training]
epochs = 3
"""


def test_measured_settings_replace_older_ones_in_a_file_and_leave_the_rest() -> None:
    text = expectations.in_toml(FILE, {"expected_share": [0.5, 0.5], "likeness_margin": [1.0, 2.0]})
    before, after = tomllib.loads(FILE), tomllib.loads(text)
    assert after.pop("data_gate") == {
        "expected_share": [0.5, 0.5], "likeness_margin": [1.0, 2.0], "max_blank": 0.05, "max_repeats": 0.01
    }  # fmt: skip
    before.pop("data_gate")
    assert after == before
    assert "# Mine." in text
    assert "# As reviewed." in text
    assert expectations.in_toml(text, {"expected_share": [0.5, 0.5], "likeness_margin": [1.0, 2.0]}) == text


@pytest.mark.parametrize("text", ["", "[data]\ndata_dir = 'images'\n", "[data]\ndata_dir = 'images'"])
def test_a_file_without_the_section_gets_one(text: str) -> None:
    settings = {"expected_share": [0.5, 0.5]}
    assert tomllib.loads(expectations.in_toml(text, settings)) == {**tomllib.loads(text), "data_gate": settings}


def measure(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tfx_pipeline.gate.measure", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_writes_what_it_measured_into_a_file_that_names_the_data(
    idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    config = tmp_path / "my.toml"
    config.write_text(f'[data]\ndata_dir = "{idx_folder(train=500, eval=100)}"\n')
    for _ in range(2):
        done = measure("--config", str(config))
        assert done.returncode == 0, done.stderr
        assert "warning: fewer than 200 images of T-shirt/top (" in done.stderr
        assert len(load({"config": str(config)}).data_gate.expected_share) == 10
    assert measure().stderr.startswith("error: expected --data-dir FOLDER, or a --config FILE")


def test_data_without_a_class_cannot_be_measured(samples: Samples) -> None:
    train = samples["train"]
    with pytest.raises(UserError, match=r"class 7 \(Sneaker\) has no training images"):
        measured_on(train.without(train.labels == 7))


def test_empty_expectations_leave_the_checks_out(samples: Samples, tmp_path: Path) -> None:
    inverted = {split: sample.with_images(255 - sample.images) for split, sample in samples.items()}
    assert judge_samples(tmp_path, inverted).anomalies
    none = Limits(expected_intensity=[], expected_gradient=[], expected_contrast=[], expected_image=[])
    report = judge_samples(tmp_path, inverted, none)
    assert report.anomalies == []
    assert report.headline == (
        f"{len(report.checks)} checks passed; each class's intensity, contrast, gradient, image not checked: measure "
        "what to expect with python -m tfx_pipeline.gate.measure --data-dir FOLDER and give it to --config"
    )


def test_limits_can_be_set_by_file_and_flag(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[data]\ndata_gate = 'warn'\n[data_gate]\nmax_blank = 0.05\n")
    items = ["data_gate.max_duplicates=0.1", "data_gate.expected_share=" + "0.1 " * 10]
    config = load({"config": str(file), "set": items})
    assert config.data.data_gate == "warn"
    assert config.data_gate == Limits(max_blank=0.05, max_duplicates=0.1)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("max_blank=1.5", "less than or equal to 1"),
        ("max_blank=few", "number"),
        ("max_blank=nan", ""),
        ("expected_share=0.5 0.5", "expected 10 values, one a class, or none"),
        ("expected_intensity=" + "300 " * 10, "less than or equal to 255"),
        ("expected_image=" + "30 " * 10, "expected a valid list"),
        ("sampling_sigmas=-1", "greater than or equal to 0"),
    ],
)
def test_limit_out_of_range_is_refused_naming_the_setting(item: str, expected: str) -> None:
    with pytest.raises(UserError, match=f"^--set data_gate.{item}: .*{expected}"):
        load({"set": [f"data_gate.{item}"]})


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([[0.0] * 49] * 9, "data_gate.expected_image: .* expected 10 values, one a class, or none"),
        ([[0.0] * 48] * 10, "data_gate.expected_image.0: .* List should have at least 49 items .*, not 48"),
        ([[0.0] * 48 + [300.0]] * 10, "data_gate.expected_image.0.48: got 300.0, expected less than or equal to 255"),
    ],
)
def test_expected_images_of_another_shape_are_refused(images: list[Any], expected: str, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(f"[data_gate]\nexpected_image = {images}\n")
    with pytest.raises(UserError, match=expected) as caught:
        load({"config": str(file)})
    assert len(str(caught.value)) < len(str(tmp_path)) + 400


def test_gate_stops_by_default() -> None:
    assert DataConfig().data_gate == "stop"
