"""Profiles: exact, and the same however the examples are divided among files."""

import json
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from tests.gate.samples import Sample, Samples, draw, profile_of, write_examples
from tfx_pipeline.config.limits import Limits
from tfx_pipeline.gate.beam import MergeProfiles, profile_splits
from tfx_pipeline.gate.figures import BINS
from tfx_pipeline.gate.file_profile import profile_file
from tfx_pipeline.gate.likeness import Likeness, coarse_sums
from tfx_pipeline.gate.profile import MEASURES, SplitProfile

LIKENESS = Likeness.of(Limits())


def assert_same(a: SplitProfile, b: SplitProfile) -> None:
    """Compares two profiles; sums of floating-point numbers up to rounding."""
    for name, value in a.to_dict().items():
        np.testing.assert_allclose(value, getattr(b, name), rtol=1e-9, err_msg=name)


def run(folder: Path, files: list[tuple[str, str]]) -> tuple[dict[str, SplitProfile], dict[tuple[str, str], int]]:
    """Profiles files as the component does."""
    with beam.Pipeline(options=PipelineOptions(["--direct_running_mode=in_memory"])) as pipeline:
        profile_splits(pipeline, files, str(folder / "result.json"), LIKENESS)
    content = json.loads((folder / "result.json").read_text())
    profiles = {split: SplitProfile.from_dict(profile) for split, profile in content["profiles"].items()}
    return profiles, {(first, second): count for first, second, count in content["common"]}


def test_measures_are_those_of_the_definition(whole: Samples) -> None:
    sample = whole["eval"].take(np.arange(300))
    profile = profile_of(sample)
    pixels = sample.images.astype(float)
    gradients = [np.abs(np.diff(pixels, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    values = [pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2)), sum(gradients) / 2]
    for label in range(10):
        mine = sample.labels == label
        assert profile.labels[label] == profile.images[label] == mine.sum()
        for index in range(len(MEASURES)):
            assert profile.sums[label, index] == pytest.approx(values[index][mine].sum(), rel=1e-6)
            assert profile.squares[label, index] == pytest.approx((values[index][mine] ** 2).sum(), rel=1e-6)
        assert np.array_equal(profile.pixel_sums[label], pixels[mine].sum(axis=0).ravel())
        assert profile.pixel_squares[label] == pytest.approx((pixels[mine] ** 2).sum(), rel=1e-6)
        expected = np.histogram(values[0][mine], bins=np.arange(BINS + 1))[0]
        assert np.array_equal(profile.histograms[label, 0], expected)


def test_coarse_images_are_sums_of_four_by_four_pixels(whole: Samples) -> None:
    images = whole["eval"].images[:100]
    expected = images.reshape(-1, 7, 4, 7, 4).sum(axis=(2, 4)).reshape(-1, 49)
    assert np.array_equal(coarse_sums(images.reshape(-1, 784)), expected)


def test_likeness_is_that_of_the_definition(whole: Samples) -> None:
    sample = whole["eval"].take(np.arange(300))
    expected = np.array(Limits().expected_image).reshape(10, 49)
    cells = sample.images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    patterns = expected - expected.mean(axis=0)
    patterns -= patterns.mean(axis=1, keepdims=True)
    likeness = (cells - expected.mean(axis=0)) @ (patterns / np.sqrt((patterns**2).sum(axis=1, keepdims=True))).T / 7
    own = likeness[np.arange(300), sample.labels]
    profile = profile_of(sample)
    for label, margin in enumerate(Limits().likeness_margin):
        mine = sample.labels == label
        leads = own[mine, None] - likeness[mine]
        assert profile.likened[label] == mine.sum()
        assert profile.unlike[label] == (leads.min(axis=1) < -margin).sum()
        np.testing.assert_allclose(profile.leads[label], leads.sum(axis=0), atol=1e-6)
        np.testing.assert_allclose(profile.lead_squares[label], (leads**2).sum(axis=0), atol=1e-6)


def test_file_tells_the_same_as_the_images_themselves(samples: Samples, tmp_path: Path) -> None:
    write_examples(tmp_path / "examples.gz", samples["train"].examples())
    assert_same(profile_file(str(tmp_path / "examples.gz"), LIKENESS).profile, profile_of(samples["train"]))


def test_profile_does_not_depend_on_how_the_examples_are_divided(real: Sample, tmp_path: Path) -> None:
    samples = draw(real, 4, 2_500, 300)
    leaked = samples["train"].take(np.array([0, 0, 2_499]))
    twice = samples["eval"].take(np.array([7, 290]))
    relabelled = twice.with_labels((twice.labels + 1) % 10)
    files = []
    for split, examples in {
        "train": samples["train"].examples(),
        "eval": [
            *samples["eval"].examples(),
            *leaked.examples(),
            (None, 3),
            (b"short", 200),
            *twice.examples(),
            *relabelled.examples(),
        ],
    }.items():
        for index, start in enumerate(range(0, len(examples), 700)):
            path = tmp_path / f"{split}-{index}.gz"
            write_examples(path, examples[start : start + 700])
            files.append((split, str(path)))
    profiles, common = run(tmp_path, files)
    assert_same(profiles["train"], profile_of(samples["train"]))
    assert common == {("train", "eval"): 2}
    evaluation = profiles["eval"]
    assert (evaluation.examples, evaluation.missing_images, evaluation.wrong_sizes) == (309, 1, 1)
    assert (evaluation.wrong_labels, evaluation.label_range.tolist()) == (1, [200, 200])
    assert evaluation.size_range.tolist() == [5, 5]
    assert int(evaluation.images.sum()) == int(evaluation.likened.sum()) == 307
    assert (profiles["train"].repeats, profiles["train"].contradictions) == (0, 0)
    assert (evaluation.repeats, evaluation.contradictions) == (5, 2)


def test_profiles_merge_to_the_same_to_the_digit_in_whatever_order(whole: Samples) -> None:
    parts = [profile_of(whole["eval"].take(np.arange(start, start + 100))) for start in range(0, 1_000, 100)]
    generator, found = np.random.default_rng(2), set()
    combine = MergeProfiles()
    for _ in range(10):
        workers = np.array_split(generator.permutation(len(parts)), 3)
        sums = [combine.create_accumulator() for _ in workers]
        for accumulator, own in zip(sums, workers, strict=True):
            for index in own:
                combine.add_input(accumulator, parts[index])
        found.add(json.dumps(combine.extract_output(combine.merge_accumulators(sums)).to_dict()))
    (same,) = found
    assert_same(SplitProfile.from_dict(json.loads(same)), profile_of(whole["eval"].take(np.arange(1_000))))


def test_broken_examples_leave_the_others_their_own_labels(samples: Samples, tmp_path: Path) -> None:
    examples = samples["eval"].examples()
    spoiled = [(None, 1), (b"short", 2), *examples[:300], (None, None), (b"", 5), *examples[300:], (bytes(1_000), 6)]
    write_examples(tmp_path / "examples.gz", spoiled)
    profile = profile_file(str(tmp_path / "examples.gz"), LIKENESS).profile
    expected = profile_of(samples["eval"])
    for name in ("images", "sums", "squares", "histograms", "pixel_sums", "pixel_squares", "unlike", "leads"):
        np.testing.assert_allclose(getattr(profile, name), getattr(expected, name), rtol=1e-9, err_msg=name)
    assert (profile.missing_images, profile.missing_labels, profile.wrong_sizes) == (2, 1, 3)


def test_image_without_a_label_is_still_looked_at(samples: Samples, tmp_path: Path) -> None:
    images = [image for image, _label in samples["eval"].examples()[:20]]
    write_examples(tmp_path / "examples.gz", [(image, None) for image in images])
    profile = profile_file(str(tmp_path / "examples.gz")).profile
    assert (profile.missing_labels, int(profile.labels.sum()), profile.images.tolist()) == (20, 0, [0] * 10 + [20])


def test_files_without_examples_give_an_empty_profile(tmp_path: Path) -> None:
    write_examples(tmp_path / "empty.gz", [])
    profiles, common = run(tmp_path, [("train", str(tmp_path / "empty.gz"))])
    assert_same(profiles["train"], SplitProfile())
    assert common == {}


def test_profile_survives_json(samples: Samples) -> None:
    profile = profile_of(samples["eval"])
    again = SplitProfile.from_dict(json.loads(json.dumps(profile.to_dict())))
    assert_same(profile, again)
    assert again.pixel_sums.dtype == profile.pixel_sums.dtype
    assert again.labels.dtype == profile.labels.dtype
