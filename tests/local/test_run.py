"""What a person is told of an exception."""

from tfx_pipeline.errors import UserError
from tfx_pipeline.local.run import one_line


def test_a_user_error_among_the_causes_is_the_line() -> None:
    error = RuntimeError("Beam failed\nat length")
    error.__cause__ = UserError("labels: truncated")
    assert one_line(error) == "labels: truncated"


def test_another_exception_is_its_type_and_first_line() -> None:
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(KeyError()) == "KeyError: no message"
