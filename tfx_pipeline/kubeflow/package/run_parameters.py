"""Run parameters: what can be set on Kubeflow's "Create run" page, each with its type, meaning and default."""

from collections.abc import Iterable
from typing import Any, Final

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter

from tfx_pipeline.config.flags import settings
from tfx_pipeline.config.section import Section, not_given

SERVING_DIR: Final = (
    "where models are pushed and the baseline is found: a path in a mounted volume, s3://, gs:// or minio://"
)


class RunParameters:
    """A section of the configuration whose values are run parameters, with the configured ones as defaults."""

    def __init__(self, section: Section) -> None:
        """Takes the section; the ``parameters`` hook of ``create_pipeline``."""
        self._section = section
        self._settings = {s.path[-1]: s for s in settings() if isinstance(section, s.section)}

    def __getattr__(self, name: str) -> RuntimeParameter:
        """Makes the run parameter of a field; a field without a value has what means that."""
        setting, value = self._settings[name], getattr(self._section, name)
        default = not_given(setting.field) if value is None else value
        return runtime_parameter(setting.parameter, default, setting.field.description)


def runtime_parameter(name: str, value: Any, description: str | None) -> RuntimeParameter:
    """Makes a run parameter.

    Args:
        name: Its name.
        value: Its default: text, a whole number or a fraction, which is also its type.
        description: What the page shows beside it.

    Returns:
        The parameter.
    """
    return RuntimeParameter(name=name, ptype=type(value), default=value, description=description)


def parameters_of(components: Iterable[BaseNode]) -> dict[str, RuntimeParameter]:
    """Collects the run parameters of a pipeline's components.

    Args:
        components: The components.

    Returns:
        Each parameter by its name.

    Raises:
        ValueError: Two components have a parameter of one name with different defaults.
    """
    found: dict[str, RuntimeParameter] = {}
    for component in components:
        for value in component.exec_properties.values():
            if not isinstance(value, RuntimeParameter):
                continue
            known = found.setdefault(value.name, value)
            if known.default != value.default:
                raise ValueError(f"parameter {value.name}: has the defaults {known.default!r} and {value.default!r}")
    return found


def with_defaults(spec: dict[str, Any], parameters: dict[str, RuntimeParameter]) -> dict[str, Any]:
    """Puts the defaults back, which TFX drops; without one, a run cannot be started before it is typed in.

    Args:
        spec: The pipeline spec.
        parameters: The run parameters by name.

    Returns:
        A spec whose root inputs have defaults and descriptions.
    """
    inputs = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    completed = {name: _completed(definition, parameters[name]) for name, definition in inputs.items()}
    root = {**spec["root"], "inputDefinitions": {"parameters": completed}} if completed else spec["root"]
    return {**spec, "root": root}


def _completed(definition: dict[str, Any], parameter: RuntimeParameter) -> dict[str, Any]:
    extra = {"description": parameter.description} if parameter.description else {}
    return {**definition, **extra, "defaultValue": parameter.default, "isOptional": True}
