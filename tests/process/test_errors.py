"""What a person is told of an exception: one line."""

from tfx_pipeline.process.errors import UserError, one_line


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
