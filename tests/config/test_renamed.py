"""A setting has one name; the names that it had work for this version, and are told of."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.kubeflow.conftest import read_config
from tfx_pipeline.config import renamed
from tfx_pipeline.config.flags import settings
from tfx_pipeline.process.errors import UserError

LATER = "; the old name goes with the next version\n"


@pytest.fixture(autouse=True)
def _told_of_nothing() -> None:
    renamed.tell.cache_clear()


def test_key_flag_and_run_parameter_have_one_name() -> None:
    names = Counter(setting.name for setting in settings())
    assert {name for name, count in names.items() if count > 1} == {"cache"}
    for setting in settings():
        if setting.flags:
            assert setting.flags[-1].removeprefix("--").removeprefix("no-").replace("-", "_") == setting.name


def test_the_new_names_are_there() -> None:
    keys = {setting.key for setting in settings()}
    assert set(renamed.KEYS.values()) <= keys
    assert not keys & renamed.KEYS.keys()
    assert set(renamed.FLAGS.values()) <= {flag for setting in settings() for flag in setting.flags}
    assert set(renamed.PARAMETERS.values()) <= {setting.name for setting in settings()}


OLD = {
    "data.source": "idx", "data.dir": "/data", "data.version": "2", "data_gate.mode": "warn", "training.model": "cnn",
    "training.held_back": 0.25, "beam.runner": "flink", "kubeflow.serving_uri": "s3://b/m",
}  # fmt: skip


@pytest.mark.parametrize(("old", "value"), OLD.items())
def test_an_old_key_works_with_a_line_in_a_file_and_after_set(
    old: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert OLD.keys() == renamed.KEYS.keys()
    section, name = old.split(".")
    file = tmp_path / "old.toml"
    file.write_text(f"[{section}]\n{name} = {value!r}\n")
    new_section, new_name = renamed.KEYS[old].split(".")
    for flags, where in ((("--config", str(file)), f"{file}: {old}"), (("--set", f"{old}={value}"), old)):
        assert getattr(getattr(read_config(*flags), new_section), new_name) == value
        assert capsys.readouterr().err == f"warning: {where} is {renamed.KEYS[old]} now{LATER}"


def test_an_old_flag_works_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--serving-uri", "s3://b/m"], ["--serving-uri=s3://b/m"]):
        assert read_config(*words).kubeflow.serving_dir == "s3://b/m"
    assert capsys.readouterr().err == f"warning: --serving-uri is --serving-dir now{LATER}"


def test_the_short_flags_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    config = read_config("--model", "cnn", "--tune", "3")
    assert (config.training.model_name, config.tuning.trials) == ("cnn", 3)
    assert read_config("--model-name", "cnn", "--trials", "3") == config
    assert capsys.readouterr().err == ""


def test_both_names_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    file.write_text("[training]\nheld_back = 0.1\nvalidation_fraction = 0.2\n")
    line = f"{file}: training.held_back is training.validation_fraction now, and the file has both; leave training.held"
    with pytest.raises(UserError, match=f"^{re.escape(line)}"):
        read_config("--config", str(file))


def test_a_wrong_value_under_an_old_name_is_one_line_with_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[training]\nheld_back = 2\n")
    with pytest.raises(UserError, match=r"training\.validation_fraction: got 2, expected less than or equal to 0\.5"):
        read_config("--config", str(file))
