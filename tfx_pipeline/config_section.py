"""The base of every section of the configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen group of values; an unknown key and a value of another type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
