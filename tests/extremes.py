"""The extreme values that each setting allows, as they follow from its declaration."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from modules import models
from modules.dataset import DATASET
from tfx_pipeline.config.flags import Setting, settings
from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import UserError

ODD = frozenset(("Ä ✓ \u2028\U0001f600", "a,'b' \"c\" #;\n\t", "nul\0", "{{$.x}}", "$(y)"))
TEXTS = frozenset((
    "", "a", "0", "1", "none", "newest", "9" * 19, *ODD, *models.names(), "0.0000001", "9" * 12 + "Ti", "x" * 63,
    "x" * 253, "x" * 20_000, "/x", "/" + "x" * 4_000, "x/y", "x" * 253 + "/" + "y" * 63, "x" * 253 + "/y?",
    "k=v:NoSchedule", f"name@sha256:{'0' * 64}", "0" * 40, "http://h", "https://host:65535/", "git@h:p",
    "https://h/" + "p" * 2_000, "minio://b/" + "x" * 900, "h:1", "[::1]:65535", "1.19", "1.99",
))  # fmt: skip
"""Texts of many kinds, from which a setting's own checks choose."""


def extremes(section: str) -> list[tuple[str, Any]]:
    """Lists each setting of a section, by its key, with each of its extreme values."""
    own = (setting for setting in settings() if setting.path[0] == section)
    return [(setting.key, value) for setting in own for value in _extremes_of(setting)]


def rows(cases: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Combines settings with their values: as few rows as hold each value of each."""
    values: dict[str, list[Any]] = {}
    for key, value in cases:
        values.setdefault(key, []).append(value)
    count = max(map(len, values.values()), default=0)
    return [{key: ends[index % len(ends)] for key, ends in values.items()} for index in range(count)]


def config_of(values: Mapping[str, Any]) -> Config:
    """The configuration with these values by key, and all else at its default."""
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    return Config.model_validate(sections)


def config_with(key: str, value: Any) -> Config:
    """The configuration with one value that is not its default."""
    return config_of({key: value})


def _extremes_of(setting: Setting) -> list[Any]:
    """The ends of a setting's range, and every value of a choice; of texts the shortest, the longest and the odd."""
    ends = _ends(setting.section.model_json_schema()["properties"][setting.path[-1]])
    taken = sorted((value for value in ends if _takes(setting, value)), key=lambda value: len(str(value)))
    free = [value for value in taken if TEXTS.intersection(_texts(value))]
    if setting.kind is None and not any(text in taken for text in ("a", "/x", "http://h", "git@h:p", "0.0000001")):
        return taken  # words that are all told apart
    seen: set[str] = set()
    kept = [*free[:1], *free[-1:]]
    for value in free:
        if new := ODD.intersection(_texts(value)) - seen:
            seen |= new
            kept.append(value)
    return [*(value for value in taken if value not in free), *kept]


def is_template(value: Any) -> bool:
    """Whether Kubernetes or Argo would replace a part of a value, for which a package is refused."""
    return any("$(" in text or "{{" in text for text in _texts(value))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _takes(setting: Setting, value: Any) -> bool:
    try:
        config_with(setting.key, value)
    except (ValidationError, UserError):
        return False
    return True


_FEW = {"null": [None], "boolean": [False, True], "string": sorted(TEXTS)}


def _ends(schema: Mapping[str, Any]) -> Iterator[Any]:
    kind = schema.get("type")
    for option in schema.get("anyOf", ()):
        yield from _ends(option)
    if "enum" in schema or kind in _FEW:
        yield from schema.get("enum") or _FEW[kind]
    elif kind == "integer":
        yield from map(int, _range(schema, 1))
    elif kind == "number":
        yield from _range(schema, 0)
    elif kind == "array":
        yield []
        for item in _ends(schema["items"]):
            yield [item] * schema.get("maxItems", DATASET.num_classes)
    elif kind == "object" and "$ref" not in schema["additionalProperties"]:
        yield {}
        yield from ({name: item} for name in sorted(TEXTS) for item in _ends(schema["additionalProperties"]))


def _range(schema: Mapping[str, Any], step: int) -> tuple[float, float]:
    """The least and the greatest number; a KeyError where the declaration leaves an end open."""
    least, greatest = schema.get("minimum"), schema.get("maximum")
    if least is None:
        least = math.nextafter(schema["exclusiveMinimum"], math.inf) + step
    if greatest is None:
        greatest = math.nextafter(schema["exclusiveMaximum"], -math.inf) if not step else schema["exclusiveMaximum"] - 1
    return least, greatest
