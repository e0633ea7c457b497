"""Defaults, TOML and flags; every mistake is one line that names the nearest valid name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from modules import models
from modules.models import dense
from tests.small_run import ROOT
from tfx_pipeline.config.flags import ArgumentParser, add_flags, load, settings
from tfx_pipeline.config.reference import reference
from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import UserError

SECTIONS = ("data", "training", "evaluation", "run")


def read(*flags: str) -> Config:
    """Reads the configuration as local_runner.py does."""
    parser = ArgumentParser()
    add_flags(parser, SECTIONS)
    return load(vars(parser.parse_args(flags)))


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        '[training]\nmodel_name = "cnn"\nepochs = 3\n[run]\nbeam_args = ["--a=1"]\noutput_dir = "elsewhere"\n'
    )
    return path


def test_without_file_and_flags_the_tutorials_model_is_trained_as_it_is_best() -> None:
    config = read()
    assert (config.training.model_name, config.training.asked, config.data.data_source) == ("dense", {}, "auto")


def test_a_file_wins_over_defaults_and_flags_over_the_file(toml: Path) -> None:
    config = read("--config", str(toml), "--epochs", "5")
    assert (config.training.model_name, config.training.epochs) == ("cnn", 5)
    assert config.run.output_dir == Path("elsewhere")


def test_switches_and_lists_are_read(toml: Path) -> None:
    config = read("--config", str(toml), "--no-cache", "--clean", "--beam-args", "--runner=FlinkRunner '--b=x y'")
    assert (config.run.cache, config.run.clean) == (False, True)
    assert config.run.beam_args == ["--runner=FlinkRunner", "--b=x y"]


def test_options_for_beam_may_begin_with_a_dash_as_all_of_them_do() -> None:
    assert read("--beam-args", "--runner=FlinkRunner").run.beam_args == ["--runner=FlinkRunner"]
    assert read("--beam-args", "--a", "--beam-args=--b", "--clean").run.beam_args == ["--a", "--b"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--beam-args", "--a='b"], "--beam-args --a='b: No closing quotation; close the quotation"),
        (["--epoch", "3"], "--epoch: unknown flag, did you mean --epochs?"),
        (["--epochs"], "argument --epochs: expected one argument"),
        (["--epochs", "ten"], "--epochs ten: got 'ten', expected a valid integer"),
        (["--epochs", "0"], "--epochs 0: got '0', expected greater than or equal to 1"),
        (["--min-accuracy", "1.5"], "--min-accuracy 1.5: got '1.5', expected less than or equal to 1"),
        (["--min-class-accuracy", "-0.1"], "expected greater than or equal to 0"),
        (["--model", "resnet"], "--model resnet: got 'resnet', expected one of cnn, dense"),
        (["--data-source", "s3"], "got 's3', expected 'auto', 'tfds', 'debian', 'idx', 'npz', 'csv', "),
        (["--limit", "-1"], "--limit -1: got '-1', expected greater than or equal to 0"),
        (["--learning-rate", "0"], "--learning-rate 0: got '0', expected greater than 0"),
    ],
)  # fmt: skip
def test_a_wrong_flag_is_one_line_with_value_and_expectation(flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(*flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[training]\nepohcs = 3", "training.epohcs: unknown key, did you mean epochs?"),
        ("[trainnig]\nepochs = 3", "trainnig: unknown key, did you mean training?"),
        ('[training]\nepochs = "3"', "training.epochs: got '3', expected a valid integer"),
        ("[training]\nepochs = 2.5", "training.epochs: got 2.5, expected a valid integer"),
        ("[evaluation]\nmin_accuracy = 2", "evaluation.min_accuracy: got 2, expected less than or equal to 1"),
        ("[run]\ncache = 1", "run.cache: got 1, expected a valid boolean"),
        ("training = 3", "training: got 3"),
        ("[training\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_and_key(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(UserError) as error:
        read("--config", str(path))
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml: cannot be read: No such file"):
        read("--config", str(tmp_path / "nowhere.toml"))


def test_set_reaches_every_setting_and_wins_over_the_file(toml: Path) -> None:
    items = ("training.epochs=5", "data_gate.max_blank=0.02", "run.cache=false")
    config = read("--config", str(toml), *(word for item in items for word in ("--set", item)))
    assert (config.training.model_name, config.training.epochs) == ("cnn", 5)
    assert (config.data_gate.max_blank, config.run.cache) == (0.02, False)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbf[training]\nepochs = 3\n")
    assert read("--config", str(path)).training.epochs == 3


@pytest.mark.parametrize(("runner", "most"), [("local_runner.py", 30), ("kubeflow_runner.py", 50)])
def test_the_command_line_has_what_a_person_types_and_no_more(runner: str, most: int) -> None:
    done = subprocess.run([sys.executable, runner, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    flags = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", done.stdout, re.MULTILINE))
    assert {"--help", "--set", "--epochs", "--min-accuracy"} <= flags
    assert len(flags) <= most


def test_the_page_of_all_settings_is_the_one_that_the_declarations_make() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == "\n".join(reference()) + "\n"
    assert all(f"`{setting.path[-1]}`" in page for setting in settings())


@pytest.mark.parametrize(
    "given",
    [
        ("early_stopping=3",),
        ("early_stopping=3", "validation_fraction=0"),
        ("early_stopping=1", "model_name=cnn", "validation_fraction=0.0"),
    ],
)
def test_to_end_early_by_nothing_is_refused_saying_what_to_set(given: tuple[str, ...]) -> None:
    patience = given[0].partition("=")[2]
    message = (
        f"training.early_stopping is {patience} and training.validation_fraction 0: expected images "
        "to judge each epoch by; set training.validation_fraction to 0.1, say, or training.early_stopping to 0"
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        read(*(word for item in given for word in ("--set", f"training.{item}")))


def test_to_end_early_may_be_in_a_file_and_what_to_judge_by_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "early.toml").write_text("[training]\nearly_stopping = 3\n")
    config = read("--config", str(tmp_path / "early.toml"), "--set", "training.validation_fraction=0.1").training
    assert (config.early_stopping, config.validation_fraction) == (3, 0.1)


def test_what_a_models_file_says_of_ending_early_counts_with_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "DEFAULTS", {"validation_fraction": 0.2, "early_stopping": 2}, raising=False)
    assert read("--set", "training.early_stopping=3").training.asked == {"early_stopping": 3}
    assert (
        read(
            "--set", "training.validation_fraction=0", "--set", "training.early_stopping=0"
        ).training.validation_fraction
        == 0
    )
    with pytest.raises(UserError, match=r"^training.early_stopping is 2 and training.validation_fraction 0: "):
        read("--set", "training.validation_fraction=0")


def test_a_models_file_that_is_no_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        compile("def build(:", f"{name}.py", "exec")

    monkeypatch.setattr(models, "_module", broken)
    with pytest.raises(UserError, match=r"^modules/models/dense.py: SyntaxError: .*; correct it$"):
        read("--set", "training.early_stopping=3")
