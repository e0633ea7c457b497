"""Reads the configuration: defaults, then a TOML file, then flags; what is unknown or of a wrong type is refused."""

import argparse
import difflib
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import UserError


class Setting(NamedTuple):
    """One value of the configuration, and how it is called on the command line."""

    section: str
    name: str
    field: FieldInfo

    @property
    def kind(self) -> type | None:
        """``list`` or ``dict`` where the value holds several, so that its flag can be repeated."""
        origin = get_origin(self.field.annotation)
        return origin if origin in (list, dict) else None

    @property
    def groups(self) -> type[BaseModel] | None:
        """The class of the groups that the value holds by name, where it holds groups."""
        return _group_class(self.field)

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
        default = None if self.kind else self.field.default
        return (text if default in (None, "") else f"{text} (default: {default})").replace("%", "%%")


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser whose errors are ``UserError``s that name the nearest flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raises the error instead of printing the usage and exiting."""
        raise UserError(f"{message}; see --help")

    def parse_args(self, args: Sequence[str] | None = None) -> argparse.Namespace:  # type: ignore[override]
        """Parses the arguments: the command line's unless others are given.

        Raises:
            UserError: A flag is unknown or has no value.
        """
        values, unknown = self.parse_known_args(args)
        if unknown:
            flag = unknown[0].partition("=")[0]
            flags = [option for action in self._actions for option in action.option_strings]
            raise UserError(f"{flag}: unknown flag{_nearest(flag, flags)}; see --help")
        return values


def settings() -> Iterator[Setting]:
    """Lists every setting of the configuration, section by section."""
    for section in Config.model_fields:
        for name, field in _section_class(section).model_fields.items():
            yield Setting(section, name, field)


def _section_class(section: str) -> type[BaseModel]:
    section_class = Config.model_fields[section].annotation
    if not isinstance(section_class, type) or not issubclass(section_class, BaseModel):
        raise TypeError(f"Config.{section}: expected a section, got {section_class}")
    return section_class


def _group_class(field: FieldInfo) -> type[BaseModel] | None:
    candidates = get_args(field.annotation) or (field.annotation,)
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


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
            options |= {"metavar": setting.name.upper().split("_")[-1], "action": "append" if setting.kind else "store"}
        groups[setting.section].add_argument(setting.flag, default=argparse.SUPPRESS, **options)


def load(flags: Mapping[str, str | list[str] | None]) -> Config:
    """Merges defaults, the TOML file and the flags.

    Args:
        flags: What the parser returned, as a mapping: ``config``, and ``section.name`` for each flag given.

    Returns:
        The configuration.

    Raises:
        UserError: A file, key, flag or value is not what it should be.
    """
    file = flags.get("config")
    values = _read_toml(Path(file)) if isinstance(file, str) else {}
    _validate(values, file if isinstance(file, str) else "")
    for setting in settings():
        text = flags.get(f"{setting.section}.{setting.name}")
        if text is not None:
            _add_flag(values.setdefault(setting.section, {}), setting, text)
    return _validate(values, "")


def _add_flag(section: dict[str, Any], setting: Setting, text: str | list[str]) -> None:
    """Puts a flag's value into its section: one that holds several by name joins what the file says."""
    if setting.groups:
        for item in text:
            _add_group_item(section.setdefault(setting.name, {}), setting, item)
        return
    value = _parse(_section_class(setting.section), setting, text)
    section[setting.name] = {**section.get(setting.name, {}), **value} if setting.kind is dict else value


def _add_group_item(groups: dict[str, Any], setting: Setting, item: str) -> None:
    """Parses ``GROUP.NAME=VALUE``."""
    path, equals, text = item.partition("=")
    group, dot, key = path.partition(".")
    name = key.replace("-", "_")
    if not equals or not dot or setting.groups is None:
        raise UserError(f"{setting.flag} {item}: expected {setting.help.partition(':')[0]}; see --help")
    fields = setting.groups.model_fields
    if name not in fields:
        raise UserError(f"{setting.flag} {item}: unknown setting {key}{_nearest(name, list(fields))}; see --help")
    inner = Setting(setting.section, name, fields[name])
    values = groups.setdefault(group, {})
    value = _parse(setting.groups, inner, [text] if inner.kind else text, f"{setting.flag} {item}")
    values[name] = _join(values[name], value) if name in values else value


def _join(old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return {**old, **new}
    return [*old, *new] if isinstance(new, list) else new


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; give a TOML file to --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}; correct the file") from error


def _parse(section: type[BaseModel], setting: Setting, text: str | list[str], shown: str = "") -> Any:
    value: Any = text
    given = shown or f"{setting.flag} {text if isinstance(text, str) else ' '.join(text)}"
    if setting.kind:
        words = [word for item in text for word in shlex.split(item)]
        value = words if setting.kind is list else _pairs(words, given)
    return parse_value(section, setting.name, value, given)


def parse_value(section: type[BaseModel], name: str, value: Any, given: str) -> Any:
    """Parses one value as a field of a section takes it.

    Args:
        section: The section's class.
        name: The field.
        value: Text, or texts where the field holds several.
        given: How the user gave it, for the error.

    Returns:
        The value, of the field's type.

    Raises:
        UserError: The field does not take it.
    """
    try:
        return getattr(section.model_validate({name: value}, strict=False), name)
    except ValidationError as error:
        raise UserError(f"{given}: {_reason(error)}; see --help") from error


def _pairs(words: Sequence[str], given: str) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise UserError(f"{given}: expected NAME=VALUE; see --help")
    return dict(word.split("=", 1) for word in words)


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
    """The valid keys at a path of the configuration."""
    model: type[BaseModel] = Config
    for part in path:
        field = model.model_fields.get(str(part))
        # What is no field is the free name of a group, whose class is known already.
        model = (_group_class(field) if field else None) or model
    return list(model.model_fields)


def _nearest(name: str, valid: Sequence[str]) -> str:
    matches = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f", did you mean {matches[0]}?" if matches else f", expected one of {', '.join(valid)}"
