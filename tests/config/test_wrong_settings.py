"""Every setting with values of a wrong type and out of range, on the command line and in a file: one line each."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import pytest

from local_runner import SECTIONS
from tfx_pipeline.config.flags import ArgumentParser, Setting, add_flags, load, settings
from tfx_pipeline.config.section import value_type
from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import UserError

SETTINGS = {setting.key: setting for setting in settings() if setting.path[0] in SECTIONS}
FLAGS = {key: setting for key, setting in SETTINGS.items() if setting.flag}


def read(*flags: str) -> Config:
    """Reads the configuration as local_runner.py does."""
    parser = ArgumentParser()
    add_flags(parser, SECTIONS)
    return load(vars(parser.parse_args(flags)))


def types_of(setting: Setting) -> set[Any]:
    """The types that a setting may have, None among them."""
    return set(get_args(setting.field.annotation)) or {setting.field.annotation}


def wrong_texts(setting: Setting) -> Iterator[str]:
    """Texts that the flag must refuse."""
    kind = value_type(setting.field)
    if get_origin(setting.field.annotation) is Literal:
        yield from ("", "nonsense")
    if kind in (int, float):
        yield from ("", "ten", "1,5", "0x10", "--", "nan")
        yield from (["1.5", "1e400", "inf"] if kind is int else ["1e400"])
        yield from (str(value) for value in out_of_range(setting))


def out_of_range(setting: Setting) -> Iterator[float]:
    """Numbers just beyond the limits, and far beyond."""
    step = 1 if value_type(setting.field) is int else 1e-9
    for limit in setting.field.metadata:
        if isinstance(limit, annotated_types.Ge):
            yield from (limit.ge - step, -(10**30))
        if isinstance(limit, annotated_types.Gt):
            yield from (limit.gt, -math.inf)
        if isinstance(limit, annotated_types.Le):
            yield from (limit.le + max(step, 1e-9), 10**30)
        if isinstance(limit, annotated_types.Lt):
            yield from (limit.lt, 10**30)


CASES = [(name, text) for name, setting in SETTINGS.items() for text in wrong_texts(setting)]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_wrong_value_is_one_line_with_its_flag_or_key(name: str, text: str) -> None:
    flag = SETTINGS[name].flag
    with pytest.raises(UserError) as error:
        read(f"{flag}={text}") if flag else read("--set", f"{name}={text}")
    assert str(error.value).startswith(f"{flag} {text}" if flag else f"--set {name}={text}")
    assert "expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_every_number_has_limits_and_so_is_tested() -> None:
    numbers = {name for name, setting in SETTINGS.items() if value_type(setting.field) in (int, float)}
    assert len(numbers) >= 15
    assert {name for name, _ in CASES} >= numbers
    assert all(list(out_of_range(SETTINGS[name])) for name in numbers)


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_without_its_value_or_with_one_too_many_is_one_line(name: str) -> None:
    setting = FLAGS[name]
    switch = setting.field.annotation is bool
    with pytest.raises(UserError, match=setting.flag) as error:
        read(f"{setting.flag}=yes") if switch else read(setting.flag)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", ["'text'", "7", "-0.5", "true", "[[]]", "{ a = 1 }", "1979-05-27"])
def test_a_value_of_a_wrong_type_in_a_file_is_one_line_with_file_and_key(name: str, value: str, tmp_path: Path) -> None:
    kinds = types_of(SETTINGS[name])
    fits = {"'text'": str, "7": int, "-0.5": float, "true": bool}.get(value)
    if fits in kinds or (fits is str and Path in kinds) or (fits is int and float in kinds):
        return  # the value's type is right; its range is tested above
    path = tmp_path / "config.toml"
    section, _, key = name.partition(".")
    path.write_text(f"[{section}]\n{key} = {value}\n")
    with pytest.raises(UserError) as error:
        read("--config", str(path))
    assert str(error.value).startswith(f"{path}: {name}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"[training", b"\xff\xfe", b"a = 1\na = 2", b"[training]\n[training]", b"= 3", b"x" * 10_000, b"\0",
        b'[run]\noutput_dir = "a\\u0000b"', b'[data]\ndata_version = "a\\u0000b"', b'[run]\nbeam_args = ["a\\u0000b"]',
        b'[run]\noutput_dir = ""', b'[data]\ndata_dir = "https://me:pass@host/x"',
    ],
)  # fmt: skip
def test_a_broken_file_is_one_line_that_names_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read("--config", str(path))
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["folder", "nowhere.toml", "loop"])
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=rf"^{tmp_path}/{name}: cannot be read: ") as error:
        read("--config", str(tmp_path / name))
    assert "\n" not in str(error.value)
