"""The values of run parameters that ``--param name=value`` gives a run, checked before anything is sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfx_pipeline.config.flags import settings
from tfx_pipeline.config.renamed import current_parameters
from tfx_pipeline.config.section import nearest
from tfx_pipeline.config.sections import require_found_anywhere
from tfx_pipeline.process.errors import UserError


def parse_arguments(texts: Sequence[str], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Parses the values for a run.

    Args:
        texts: ``name=value`` each.
        definitions: The run parameters of the package: ``root.inputDefinitions.parameters``.

    Returns:
        The value of each parameter, of its type.

    Raises:
        UserError: A parameter is unknown, or its value is not what it should be.
    """
    return dict(_parse(text, definitions) for text in texts)


def _parse(text: str, definitions: Mapping[str, Any]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--param {text}: expected NAME=VALUE")
    if name not in definitions:
        (name,) = current_parameters({name: value})
    if name not in definitions:
        raise UserError(f"--param {text}: the pipeline has no parameter {name}{nearest(name, sorted(definitions))}")
    setting = next((s for s in settings() if name == s.name), None)
    parsed = setting.parse([value], f"--param {text}") if setting else value
    if name == "data_dir":
        require_found_anywhere(value, f"--param {text}")
    return name, parsed
