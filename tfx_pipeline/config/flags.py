"""Reads the configuration: defaults, then a TOML file, then flags; what is unknown or of a wrong type is refused."""

import argparse
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, NoReturn, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from modules.hyperparameters import of_model
from tfx_pipeline.config.renamed import current_flag, current_key, current_keys
from tfx_pipeline.config.section import Section, declared, group_class, nearest, reason, value_type
from tfx_pipeline.config.sections import Config, require_validation_fraction
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.host_paths import expanded, require_visible

MODELS: Final = "the model's own"
"""The default of a hyperparameter that a model's file may say."""

SET: Final = "--set"
"""The flag for any setting, those without a flag of their own too."""


_METAVARS: Final = {
    "_dir": "FOLDER", "flink": "HOST:PORT", "_url": "URL", "_args": "OPTIONS", "_pvc": "CLAIM", "_secret": "SECRET",
    "baseline": "VERSION", "_ref": "REF",
}  # fmt: skip
"""What stands for a text, by the end of a setting's name."""


class Setting(NamedTuple):
    """One value of the configuration.

    Attributes:
        path: Its keys in a TOML file, from the section down.
        field: Its declaration.
        section: The class that declares it.
    """

    path: tuple[str, ...]
    field: FieldInfo
    section: type[Section]

    @property
    def key(self) -> str:
        """The path as it is written after ``--set``."""
        return ".".join(self.path)

    @property
    def name(self) -> str:
        """Its one name: the last key in a TOML file, its flag, its run parameter on Kubeflow."""
        return self.path[-1]

    @property
    def is_switch(self) -> bool:
        """Whether its flag takes no value."""
        return self.field.annotation is bool

    @property
    def flags(self) -> list[str]:
        """Its flag, that of a switch the way that is not the default, after a shorter one; none where it has none."""
        if not declared(self.field, "flag"):
            return []
        words = ("no", self.name) if self.is_switch and self.field.default else (self.name,)
        return list(filter(None, [declared(self.field, "alias"), f"--{'-'.join(words).replace('_', '-')}"]))

    @property
    def flag(self) -> str:
        """The shortest of its flags; "" where it has none."""
        return next(iter(self.flags), "")

    @property
    def metavar(self) -> str:
        """What stands for its value in ``--help``."""
        kinds = [
            kind for kind in (self.field.annotation, *get_args(self.field.annotation)) if get_origin(kind) is Literal
        ]
        if kinds:
            return f"{{{','.join(get_args(kinds[0]))}}}"
        if value_type(self.field) in (int, float):
            return "N" if value_type(self.field) is int else "X"
        return next((metavar for end, metavar in _METAVARS.items() if self.name.endswith(end)), "NAME")

    @property
    def default(self) -> str:
        """Its default as a person reads it; "" where it has none."""
        value = self.field.default
        if of_model(self.field):
            return MODELS
        if value is None or value in ("", [], {}):
            return ""
        return str(value).lower() if self.is_switch else str(value)

    @property
    def kind(self) -> type | None:
        """``list`` or ``dict`` where the value holds several, so that its flag can be repeated."""
        origin = get_origin(self.field.annotation)
        return origin if origin in (list, dict) else None

    @property
    def help(self) -> str:
        """The field's description and default, for --help."""
        text = self.field.description or ""
        if self.is_switch:
            return f"do not {text}" if self.field.default else text
        return (f"{text} (default: {self.default})" if self.default else text).replace("%", "%%")

    def parse(self, texts: Sequence[str], given: str) -> Any:
        """Parses what a user typed.

        Args:
            texts: The last one counts; where the value holds several, each holds one or more, quoted as for a shell.
            given: How it was given, for the error.

        Returns:
            The value, of the field's type.

        Raises:
            UserError: The field does not take it.
        """
        value: Any = texts[-1]
        if self.kind:
            words = [word for text in texts for word in _split(text, given)]
            value = words if self.kind is list else _pairs(words, given)
        return getattr(self.section.checked({self.name: value}, given), self.name)


def settings() -> Iterator[Setting]:
    """Lists the settings of every section; those of single steps are like the section's own."""
    for name, field in Config.model_fields.items():
        section = group_class(field)
        if section:
            yield from (Setting((name, key), inner, section) for key, inner in section.model_fields.items())


def find_setting(key: str, given: str) -> tuple[Setting, str]:
    """Finds a setting by its key.

    Args:
        key: ``section.name``, or ``kubeflow.steps.STEP.name``; the name of an entry may follow where the setting holds
            several by name.
        given: How it was given, for the error.

    Returns:
        The setting, and the entry's name or "".

    Raises:
        UserError: There is none; the line names the nearest.
    """
    model: type[Section] = Config
    path: list[str] = []
    words = current_key(key.replace("-", "_")).split(".") if key.count(".") == 1 else key.split(".")
    while words:
        name = words.pop(0).replace("-", "_")
        if name not in model.model_fields:
            valid = (
                list(model.model_fields)
                if path
                else [s.key for s in settings() if s.path[-1] == name] or list(Config.model_fields)
            )
            raise UserError(f"{given}: unknown setting {'.'.join([*path, name])}{nearest(name, valid)}; see --help")
        field = model.model_fields[name]
        path.append(name)
        inner = group_class(field)
        if inner is None:
            return Setting(tuple(path), field, model), ".".join(words)
        if get_origin(field.annotation) is dict and words:
            path.append(words.pop(0))
        model = inner
    raise UserError(f"{given}: expected one of {', '.join(f'{key}.{name}' for name in model.model_fields)}; see --help")


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser whose errors are ``UserError``s that name the nearest flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, usage="%(prog)s [--FLAG VALUE ...]", **options)

    def error(self, message: str) -> NoReturn:
        """Raises the error instead of printing the usage and exiting."""
        raise UserError(f"{message}; see --help")

    def parse_args(self, args: Sequence[str] | None = None) -> argparse.Namespace:  # type: ignore[override]
        """Parses the arguments: the command line's unless others are given.

        Raises:
            UserError: A flag is unknown or has no value.
        """
        words = map(current_flag, sys.argv[1:] if args is None else args)
        values, unknown = self.parse_known_args(self._joined(list(words)))
        if unknown:
            flag = unknown[0].partition("=")[0]
            raise UserError(f"{flag}: unknown flag{self._advice(flag)}; see --help")
        return values

    def _joined(self, words: list[str]) -> list[str]:
        """Joins a flag that takes options of another program with its value, which argparse would take for a flag."""
        takers = {setting.flag for setting in settings() if setting.kind is list and setting.flag}
        for index in range(len(words) - 1, 0, -1):
            if words[index - 1] in takers and words[index].startswith("-"):
                words[index - 1 : index + 1] = [f"{words[index - 1]}={words[index]}"]
        return words

    def _advice(self, flag: str) -> str:
        name = flag.removeprefix("--").replace("-", "_")
        plain = [setting for setting in settings() if not setting.flag]
        keys = [setting.key for setting in plain if setting.name in (name, f"{name}s")]
        if keys:
            return f", expected {SET} {keys[0]}=VALUE"
        return nearest(flag, [option for action in self._actions for option in action.option_strings])


def add_flags(parser: argparse.ArgumentParser, sections: Sequence[str]) -> None:
    """Adds ``--config``, ``--set`` and the flags of the sections; the values stay text for ``load``."""
    parser.add_argument("--config", metavar="FILE.toml", help="read values from this file; flags win over it")
    text = "any setting, by its key in a TOML file (docs/settings.md lists all); can be repeated"
    parser.add_argument(SET, metavar="SECTION.KEY=VALUE", action="append", default=[], help=text)
    groups = {name: parser.add_argument_group(name) for name in sections}
    for setting in settings():
        if setting.path[0] not in groups or not setting.flag:
            continue
        options: dict[str, Any] = {"dest": setting.key, "help": setting.help}
        if setting.is_switch:
            options |= {"action": "store_const", "const": str(not setting.field.default)}
        else:
            options |= {"metavar": setting.metavar, "action": "append" if setting.kind else "store"}
        groups[setting.path[0]].add_argument(*setting.flags, default=argparse.SUPPRESS, **options)


def load(flags: Mapping[str, Any]) -> Config:
    """Merges defaults, the TOML file and the flags.

    Args:
        flags: What the parser returned, as a mapping: ``config``, ``set``, and ``section.name`` for each flag given.

    Returns:
        The configuration. A flag replaces what the file says; entries by name join the file's.

    Raises:
        UserError: A file, key, flag or value is not what it should be.
    """
    file = flags.get("config")
    values = current_keys(_read_toml(Path(expanded(file))), file) if file else {}
    _validate(values, file or "")
    for setting, texts, given in _given(flags):
        section = values
        for key in setting.path[:-1]:
            section = section.setdefault(key, {})
        value = setting.parse(texts, given)
        section[setting.name] = {**section.get(setting.name, {}), **value} if setting.kind is dict else value
    config = _validate(values, "")
    if config.data.data_dir is None:  # data of one's own may have a split to hold back, and is not read yet
        require_validation_fraction(config.training)
    return config


def _given(flags: Mapping[str, Any]) -> Iterator[tuple[Setting, list[str], str]]:
    """What the command line sets: the setting, its texts, and how they were given."""
    for setting in settings():
        if setting.key in flags:
            text = flags[setting.key]
            texts = [text] if isinstance(text, str) else text
            yield setting, texts, f"{setting.flag} {' '.join(texts)}"
    joined: dict[tuple[str, ...], tuple[Setting, list[str], list[str]]] = {}
    for item in flags.get("set", []):
        setting, text = _parse_item(item)
        _, texts, items = joined.setdefault(setting.path, (setting, [], []))
        texts.append(text)
        items.append(item)
    for setting, texts, items in joined.values():
        yield setting, texts, f"{SET} {' '.join(items)}"


def _parse_item(item: str) -> tuple[Setting, str]:
    """Parses ``SECTION.KEY=VALUE``."""
    key, equals, text = item.partition("=")
    if not equals:
        raise UserError(f"{SET} {item}: expected SECTION.KEY=VALUE; see --help")
    setting, entry = find_setting(key, f"{SET} {item}")
    if entry and setting.kind is not dict:
        raise UserError(f"{SET} {item}: {setting.key} has no entries by name, expected {setting.key}=VALUE")
    return setting, shlex.quote(f"{entry}={text}") if entry else text


def _read_toml(path: Path) -> dict[str, Any]:
    require_visible(path, "--config")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; give a TOML file to --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}; correct the file") from error


def _split(text: str, given: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"{given}: {error}; close the quotation") from error


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
        raise UserError(f"{where}: {reason(Config, error)}; correct it") from error
