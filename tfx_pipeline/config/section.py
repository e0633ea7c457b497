"""The base of every section of the configuration, and how what it refuses is put into words."""

import difflib
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Final, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from tfx_pipeline.process.errors import UserError

LONGEST: Final = 200
"""Characters of a refused value that its error shows."""


def setting(default: Any, description: str, *, flag: bool = False, alias: str = "", **limits: Any) -> Any:
    """Declares a setting; its name is its key in a TOML file, its flag and its run parameter on Kubeflow.

    Args:
        default: Its value where nobody gives one.
        description: What it means, for ``--help``, docs/settings.md and Kubeflow's page.
        flag: Whether people type it so often that it has a flag; ``--set SECTION.NAME=VALUE`` reaches it anyway.
        alias: A shorter flag.
        **limits: What else pydantic's ``Field`` takes.
    """
    return Field(default=default, description=description, json_schema_extra={"flag": flag, "alias": alias}, **limits)


class Section(BaseModel):
    """A frozen group of values; an unknown key, a value of another type and numbers that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _without_null(cls, value: Any) -> Any:
        """No path, variable or argument can hold one."""
        if _holds_null(value):
            raise ValueError("expected text without a null character")
        return value

    @classmethod
    def checked(cls, values: Mapping[str, Any], given: str = "") -> Self:
        """Makes a section of values that came as text or as run parameters, whose types are not exact.

        Args:
            values: By field; the others have their defaults.
            given: How a user typed them, for the error; "" where they are run parameters.

        Returns:
            The section.

        Raises:
            UserError: A field does not take its value.
        """
        try:
            return cls.model_validate(values, strict=False)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            where = given or f"run parameter {name}"
            advice = "see --help" if given else "start the run with another value"
            raise UserError(f"{where}: {reason(cls, error)}; {advice}") from error


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    return any(map(_holds_null, value)) if isinstance(value, list) else "\0" in str(value)


def reason(model: type[Section], error: ValidationError) -> str:
    """Says what was expected in the place of the first value that a model refused."""
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key{nearest(str(first['loc'][-1]), _keys(model, first['loc'][:-1]))}"
    expected = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    given = repr(first["input"])
    return f"got {given if len(given) <= LONGEST else given[:LONGEST] + '...'}, {expected}"


def _keys(model: type[Section], path: Sequence[int | str]) -> list[str]:
    """The valid keys at a path below a model."""
    for part in path:
        field = model.model_fields.get(str(part))
        # What is no field is the free name of a group, whose class is known already.
        model = (group_class(field) if field else None) or model
    return list(model.model_fields)


def group_class(field: FieldInfo) -> type[Section] | None:
    """The class of the section that a field holds, or of the sections that it holds by name; None for a plain value."""
    candidates = get_args(field.annotation) or (field.annotation,)
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Section)), None)


def declared(field: FieldInfo, what: str) -> Any:
    """What a field declares besides its type, default and description; None where it declares nothing of the kind."""
    return field.json_schema_extra.get(what) if isinstance(field.json_schema_extra, dict) else None


def value_type(field: FieldInfo) -> type:
    """The type of a field's value; of one that is None where it is not given, the type of what can be given."""
    if field.default is not None:
        return type(field.default)
    kind = next(kind for kind in get_args(field.annotation) if kind is not NoneType)
    return type(get_args(kind)[0]) if get_origin(kind) is Literal else kind


def unset(field: FieldInfo) -> Any:
    """The run parameter that means "no value", since Kubeflow has no null: a value that the field does not take."""
    kind = value_type(field)
    takes_zero = any(getattr(limit, "ge", None) == 0 for limit in field.metadata)
    return kind(-1) if takes_zero else kind()


def nearest(name: str, valid: Sequence[str]) -> str:
    """Words that follow on an unknown name: the valid one that is most like it, or all of them."""
    matches = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f", did you mean {matches[0]}?" if matches else f", expected one of {', '.join(valid)}"
