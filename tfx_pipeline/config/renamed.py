"""The names that settings had: each works for this version, with a line that names the new one."""

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tfx_pipeline.process.errors import UserError

KEYS: Final = {
    "data.source": "data.data_source",
    "data.dir": "data.data_dir",
    "data.version": "data.data_version",
    "data_gate.mode": "data.data_gate",
    "training.model": "training.model_name",
    "training.held_back": "training.validation_fraction",
    "beam.runner": "beam.beam_runner",
    "kubeflow.serving_uri": "kubeflow.serving_dir",
}
"""Keys in TOML files and of ``--set``."""

FLAGS: Final = {"--serving-uri": "--serving-dir"}

PARAMETERS: Final = {"model": "model_name", "held_back": "validation_fraction", "tune": "trials"}
"""Run parameters on Kubeflow, and so parameters of steps in packages that were compiled before."""


@functools.cache
def tell(old: str, new: str) -> None:
    """Tells a person of the new name, once."""
    sys.stderr.write(f"warning: {old} is {new} now; the old name goes with the next version\n")


def current_key(key: str) -> str:
    """The key that a setting has now."""
    new = KEYS.get(key)
    if new:
        tell(key, new)
    return new or key


def current_flag(word: str) -> str:
    """A word of the command line, with the flag that a setting has now."""
    flag, equals, value = word.partition("=")
    new = FLAGS.get(flag)
    if not new:
        return word
    tell(flag, new)
    return f"{new}{equals}{value}"


def current_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Run parameters, or those of a step in an older package, by the names that they have now."""
    for old in values.keys() & PARAMETERS.keys():
        tell(f"run parameter {old}", PARAMETERS[old])
    return {PARAMETERS.get(name, name): value for name, value in values.items()}


def current_keys(values: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The content of a TOML file with the keys that settings have now.

    Raises:
        UserError: The file has a setting by both of its names.
    """
    current = {name: dict(section) if isinstance(section, dict) else section for name, section in values.items()}
    for old, new in _old_keys(current):
        (old_section, old_name), (section, name) = old.split("."), new.split(".")
        value = current[old_section].pop(old_name)
        if not isinstance(target := current.setdefault(section, {}), dict) or name in target:
            raise UserError(f"{file}: {old} is {new} now, and the file has both; leave {old} out")
        tell(f"{file}: {old}", new)
        target[name] = value
    return current


def _old_keys(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for old, new in KEYS.items():
        section, _, name = old.partition(".")
        if isinstance(values.get(section), dict) and name in values[section]:
            yield old, new
