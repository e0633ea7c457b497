"""The log of a step: its own lines as they are, those of libraries short, and only where something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def lines(code: str) -> list[str]:
    """What a program writes to the log, without the times."""
    program = f"import logging, warnings\nfrom tfx_pipeline.kubeflow.step import step_log\nstep_log.start()\n{code}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return [line.partition(" ")[2] for line in done.stderr.splitlines()]


@pytest.mark.parametrize("name", ["modules.trainer", "tfx_pipeline.steps.pusher", "__main__"])
def test_the_steps_own_lines_stand_alone(name: str) -> None:
    assert lines(f"logging.getLogger({name!r}).info('epoch %d', 3)") == ["epoch 3"]


def test_libraries_are_heard_where_something_is_wrong_and_in_one_short_line() -> None:
    assert lines("logging.getLogger('absl').info('Executor do'); logging.getLogger('tfx.x').debug('x')") == []
    assert lines("logging.getLogger('absl').warning('a\\n  b')") == ["[warning of absl] a b"]
    (long,) = lines("logging.getLogger('absl').error('word ' * 1000)")
    assert len(long) < 300
    assert long.endswith(" ...")


def test_all_that_libraries_say_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_LOG_LEVEL", "INFO")
    assert lines("logging.getLogger('absl').info('Executor do')") == ["[info of absl] Executor do"]


def test_a_warning_of_python_is_one_line() -> None:
    assert lines("warnings.warn('out of data')") == ["[warning of py.warnings] UserWarning: out of data"]


def test_an_own_error_keeps_its_traceback() -> None:
    code = "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('modules.x').exception('no')"
    assert lines(code)[0] == "no"
    assert len(lines(code)) > 3


def test_secrets_are_taken_out() -> None:
    code = "logging.getLogger('{}').warning('cannot read https://me:hunter22@host/x')"
    assert lines(code.format("modules.x")) == ["cannot read https://me:[redacted]@host/x"]
    assert lines(code.format("absl")) == ["[warning of absl] cannot read https://me:[redacted]@host/x"]


@pytest.mark.parametrize("name", ["modules.trainer", "absl"])
def test_arrays_are_not_printed(name: str) -> None:
    (line,) = lines(f"logging.getLogger({name!r}).error('weights %s end', [0.5] * 100_000)")
    assert line.endswith("weights [...] end")
