"""Run parameters: what can be set on Kubeflow's "Create run" page, each with its type, meaning and default."""

from collections.abc import Iterable
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter

from modules.hyperparameters import of_model
from tfx_pipeline.config.flags import MODELS, Setting, settings
from tfx_pipeline.config.section import Section, unset


class RunParameters:
    """A section of the configuration whose values are run parameters, with the configured ones as defaults."""

    def __init__(self, section: Section) -> None:
        """Takes the section; the ``parameters`` hook of ``create_pipeline``."""
        self._values = section.model_dump()
        self._settings = {s.name: s for s in settings() if isinstance(section, s.section)}

    def __getattr__(self, name: str) -> RuntimeParameter:
        """Makes the run parameter of a field."""
        return runtime_parameter(self._settings[name], self._values[name])

    def model_dump(self) -> dict[str, RuntimeParameter]:
        """Every run parameter of the section, by its name."""
        return {name: getattr(self, name) for name in self._settings}


def runtime_parameter(setting: Setting, value: Any) -> RuntimeParameter:
    """Makes a run parameter; Kubeflow has no null, so the description says which value stands for it."""
    absent = unset(setting.field)
    default = absent if value is None else value
    meaning = MODELS if of_model(setting.field) else "none" if setting.field.default is None else ""
    shown = f"{absent:g}" if isinstance(absent, int | float) else "no text"
    description = f"{setting.field.description}{f' ({shown}: {meaning})' if meaning else ''}"
    return RuntimeParameter(name=setting.name, ptype=type(default), default=default, description=description)


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
