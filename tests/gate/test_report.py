"""The report: one line for a person, strict JSON for later steps."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from tests.gate.samples import Samples, judge_samples, judged, profile_of
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.anomalies import checks_of
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.near_images import NearImages
from tfx_pipeline.gate.report import DataGateError, Report, judge


def validator_found(feature: str) -> anomalies_pb2.Anomalies:
    """An anomaly as ExampleValidator records it."""
    anomalies = anomalies_pb2.Anomalies()
    info = anomalies.anomaly_info[feature]
    info.description = "Examples contain values missing from the schema:\n 17 (~1%)."
    info.reason.add(type=anomalies_pb2.AnomalyInfo.ENUM_TYPE_UNEXPECTED_STRING_VALUES)
    return anomalies


def test_report_is_strict_json_with_a_figure_and_a_limit_for_every_check(samples: Samples, tmp_path: Path) -> None:
    content = judge_samples(tmp_path, samples).to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert (content["ok"], content["anomalies"], content["examples"]) == (True, 0, {"train": 2_000, "eval": 1_000})
    assert len(content["checks"]) > 150
    for check in content["checks"]:
        assert set(check) >= {"name", "split", "class", "figure", "limit", "ok", "reason", "setting"}
        assert isinstance(check["figure"], float | int)
        assert check["limit"]
        assert check["reason"]
        assert check["split"] in ("train", "eval", "train and eval")


def test_passing_report_says_how_many_checks_there_were(samples: Samples, tmp_path: Path) -> None:
    report = judge_samples(tmp_path, samples)
    report.enforce()
    assert report.headline == f"{len(report.checks)} checks passed"


def test_warning_mode_does_not_stop() -> None:
    failed = Check("blank images", "train", 0.02, "fraction", high=0.01, setting="max_blank")
    report = Report("warn", [failed], {"train": 100})
    report.enforce()
    assert report.headline == "1 anomaly: blank images in train: 2 %, expected at most 1 %"
    assert (report.to_dict()["ok"], report.to_dict()["mode"]) == (False, "warn")


def test_line_names_the_setting_of_the_limit() -> None:
    failed = Check("blank images", "train", 0.02, "fraction", high=0.01, setting="max_blank")
    line = r"2 anomalies, the first: blank .* set data_gate\.max_blank or record it with --data-gate warn"
    with pytest.raises(DataGateError, match=line):
        Report("stop", [failed, failed], {}).enforce()


def test_statistics_of_a_sample_are_refused(samples: Samples) -> None:
    profiles = {split: profile_of(sample) for split, sample in samples.items()}
    report = judge("stop", profiles, {}, {"train": 200, "eval": 1_000}, [], Limits())
    assert [str(c) for c in report.anomalies] == ["examples in the statistics in train: 200, expected 2,000"]


def test_what_the_validator_found_is_an_anomaly(samples: Samples) -> None:
    profiles = {split: profile_of(sample) for split, sample in samples.items()}
    found = list(checks_of("eval", validator_found("image")))
    report = judge("stop", profiles, {}, {}, found, Limits())
    assert report.headline == (
        "1 anomaly: schema anomalies of feature image in eval: 1 (Examples contain values missing from the schema: "
        "17 (~1%).), expected at most 0"
    )


def test_what_the_validator_found_too_is_counted_once(samples: Samples) -> None:
    broken = {**samples, "eval": samples["eval"].with_labels(17, slice(2))}
    profiles = {split: profile_of(sample) for split, sample in broken.items()}
    found = [*checks_of("eval", validator_found("label")), *checks_of("train", validator_found("label"))]
    report = judge("stop", profiles, {}, {}, found, Limits())
    assert [(c.name, c.split) for c in report.anomalies] == [
        ("labels outside 0 to 9", "eval"),
        ("schema anomalies of feature label", "train"),
    ]


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check("n", "s", 1_234_567, "count", high=0), "n in s: 1,234,567, expected at most 0"),
        (Check("n", "s", 0.010002, "fraction", high=0.01), "n in s: 1 %, expected at most 1 %"),
        (Check("n", "s", 0.0101, "fraction", high=0.01), "n in s: 1.01 %, expected at most 1 %"),
        (Check("n", "s", 182.06, "grey", 65.646, 80.234), "n in s: 182.1, expected 65.65 to 80.23"),
        (Check("n", "s", 0, "count", low=1, label=9), "n of class 9 (Ankle boot) in s: 0, expected at least 1"),
        (Check("n", "s", 0.00001234, "ratio", high=0.5), "n in s: 0.00001234, expected at most 0.5"),
    ],
)
def test_check_is_written_for_a_person(check: Check, expected: str) -> None:
    assert str(check) == expected


def test_other_images_with_these_limits_are_told_to_be_measured(samples: Samples) -> None:
    other = {split: sample.with_images(255 - sample.images.transpose(0, 2, 1)) for split, sample in samples.items()}
    with pytest.raises(DataGateError, match=r"figures of the classes are not what the limits expect: .*gate\.measure"):
        judged(other).enforce()
    with pytest.raises(DataGateError) as few:
        judged({**samples, "eval": samples["eval"].with_images(255 - samples["eval"].images[:50], slice(50))}).enforce()
    assert "gate.measure" not in str(few.value)


def test_images_that_are_nearly_the_same_are_named_as_their_files_are(samples: Samples) -> None:
    profiles = {split: profile_of(sample) for split, sample in samples.items()}
    near = NearImages({("train", "eval"): 40}, {("train", "eval"): [(3, 7), (4, 8)]})

    def names(split: str, indices: Sequence[int]) -> list[str]:
        return [f"{split}/Coat/{index}.png" for index in indices]

    report = judge("stop", profiles, {}, {}, [], Limits(), near, names)
    (check,) = report.anomalies
    assert str(check).endswith(
        "(40 of 1,000, as train/Coat/3.png and eval/Coat/7.png, train/Coat/4.png and eval/Coat/8.png), "
        f"expected {check.limit}"
    )
    assert check.to_dict()["images"][1] == "train/Coat/4.png and eval/Coat/8.png"
