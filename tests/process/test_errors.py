"""What a person is told of an exception: one line."""

import time

import numpy as np
import pytest

from tfx_pipeline.process.errors import UserError, one_line, readable


def test_the_line_is_the_users_error_that_started_it() -> None:
    error = RuntimeError("a worker failed\nat line 7")
    error.__cause__ = UserError("/data/train.gz: truncated; download it again")
    assert one_line(error) == "/data/train.gz: truncated; download it again"


def test_a_value_with_line_ends_leaves_the_error_one_line() -> None:
    assert str(UserError("--data-dir a\nb\u2028c: no such folder")) == "--data-dir a b c: no such folder"


def test_the_line_of_any_other_error_has_its_type() -> None:
    assert one_line(RuntimeError("first\n  second")) == "RuntimeError: first second"
    assert one_line(KeyError()) == "KeyError"


def test_a_page_of_text_becomes_a_line_that_says_that_there_is_more() -> None:
    line = one_line(ValueError("Traceback\n" + "word " * 1000 + "\nKeyError: 'x'"))
    assert len(line) < 600
    assert line.startswith("ValueError: Traceback word word")
    assert " word ... word " in line
    assert line.endswith(" word KeyError: 'x'")


ARRAYS = {
    "nan": np.full((7, 5_000), np.nan),
    "floats": np.random.default_rng(0).normal(size=(50, 20)),
    "whole": np.arange(-999, 999),
    "of three dimensions": np.zeros((4, 5, 6), np.float32),
    "truths": np.eye(9, dtype=bool),
}


@pytest.mark.parametrize("written", [str, repr, lambda array: str(array.tolist()), lambda array: repr(array.tobytes())])
@pytest.mark.parametrize("name", ARRAYS)
def test_no_line_prints_an_array(name: str, written: object) -> None:
    with np.printoptions(threshold=10**9):
        text = f"predictions {written(ARRAYS[name])} are not finite"
    assert len(text) > 250
    for line in (one_line(ValueError(text)), one_line(UserError(text)), readable(text)):
        assert "predictions" in line
        assert line.endswith(" are not finite")
        assert len(line) < 120, line


@pytest.mark.parametrize(
    "text",
    [
        "epoch 3/10  accuracy 0.8720  loss 0.3601  val_accuracy 0.8620  val_loss 0.3911",
        "[28, 28] and (256, 28, 28, 1) of 1.0, 2.0, 3.0, 4.0",
        "2026-11-26 12:35:14 10.0.0.1 1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16-17-18",
        "/data/0/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/a  b",
        "b'what a library says'",
    ],
)
def test_text_with_numbers_in_it_stays_as_it_is(text: str) -> None:
    assert readable(text) == text
    assert one_line(UserError(text)) == text


def test_a_long_line_is_cut_and_says_so() -> None:
    assert readable("x" * 5_000 + "\nend") == "x" * 4_000 + " ... (5,000 characters)\nend"


def test_a_megabyte_is_read_in_a_moment() -> None:
    begin = time.process_time()
    readable("[1, 2, 3] [nan nan\n 0.5e-3] and words, 12:30:01 " * 20_000)
    assert time.process_time() - begin < 5
