"""Reads the configuration: defaults, then a TOML file, then flags; what is unknown or of a wrong type is refused."""

import argparse
import difflib
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tfx_pipeline.config import Config
from tfx_pipeline.errors import UserError


class Setting(NamedTuple):
    """One value of the configuration, and how it is called on the command line."""

    section: str
    name: str
    field: FieldInfo

    @property
    def flag(self) -> str:
        """The flag: the field's title or its name; a switch that is on by default is called --no-..."""
        flag = (self.field.title or self.name).replace("_", "-")
        return f"--no-{flag}" if self.field.default is True else f"--{flag}"

    @property
    def help(self) -> str:
        """The field's description and default, for --help."""
        text = self.field.description or ""
        if self.field.annotation is bool:
            return f"do not {text}" if self.field.default else text
        default = shlex.join(self.field.default) if isinstance(self.field.default, list) else self.field.default
        return (text if default in (None, "") else f"{text} (default: {default})").replace("%", "%%")


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser whose errors are ``UserError``s that name the nearest flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raises the error instead of printing the usage and exiting."""
        raise UserError(f"{message}; see --help")

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """Parses the arguments.

        Raises:
            UserError: A flag is unknown or has no value.
        """
        values, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            flags = [option for action in self._actions for option in action.option_strings]
            raise UserError(f"{flag}: unknown flag{_nearest(flag, flags)}; see --help")
        return values


def settings() -> Iterator[Setting]:
    """Lists every setting of the configuration, section by section."""
    for section, section_field in Config.model_fields.items():
        section_class = section_field.annotation
        if section_class is None or not issubclass(section_class, BaseModel):
            raise TypeError(f"Config.{section}: expected a section, got {section_class}")
        for name, field in section_class.model_fields.items():
            yield Setting(section, name, field)


def add_flags(parser: argparse.ArgumentParser, sections: Sequence[str]) -> None:
    """Adds ``--config`` and a flag for each setting of the sections; the values stay text for ``load``."""
    parser.add_argument("--config", metavar="FILE.toml", help="read values from this file; flags win over it")
    groups = {name: parser.add_argument_group(name) for name in sections}
    for setting in settings():
        if setting.section not in groups:
            continue
        options: dict[str, Any] = {"dest": f"{setting.section}.{setting.name}", "help": setting.help}
        if setting.field.annotation is bool:
            options |= {"action": "store_const", "const": str(not setting.field.default)}
        else:
            options |= {"metavar": setting.name.upper().split("_")[-1]}
        groups[setting.section].add_argument(setting.flag, default=argparse.SUPPRESS, **options)


def load(flags: Mapping[str, str | None]) -> Config:
    """Merges defaults, the TOML file and the flags.

    Args:
        flags: What the parser returned, as a mapping: ``config``, and ``section.name`` for each flag given.

    Returns:
        The configuration.

    Raises:
        UserError: A file, key, flag or value is not what it should be.
    """
    file = flags.get("config")
    values = _read_toml(Path(file)) if file else {}
    _validate(values, file or "")
    for setting in settings():
        text = flags.get(f"{setting.section}.{setting.name}")
        if text is not None:
            values.setdefault(setting.section, {})[setting.name] = _parse(setting, text)
    return _validate(values, "")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; give a TOML file to --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}; correct the file") from error


def _parse(setting: Setting, text: str) -> Any:
    if setting.field.annotation == list[str]:
        return shlex.split(text)
    section = Config.model_fields[setting.section].annotation
    if section is None:
        raise TypeError(f"{setting.section} has no type")
    try:
        return getattr(section.model_validate({setting.name: text}, strict=False), setting.name)
    except ValidationError as error:
        raise UserError(f"{setting.flag} {text}: {_reason(error)}; see --help") from error


def _validate(values: Mapping[str, Any], file: str) -> Config:
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        where = f"{file}: {key}" if file else key
        raise UserError(f"{where}: {_reason(error)}; correct it") from error


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key{_nearest(str(first['loc'][-1]), _keys(first['loc'][:-1]))}"
    expected = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"got {first['input']!r}, {expected}"


def _keys(path: Sequence[int | str]) -> list[str]:
    if not path:
        return list(Config.model_fields)
    return [setting.name for setting in settings() if setting.section == path[0]]


def _nearest(name: str, valid: Sequence[str]) -> str:
    matches = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f", did you mean {matches[0]}?" if matches else f", expected one of {', '.join(valid)}"
