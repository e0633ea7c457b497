"""The values of run parameters that ``--param name=value`` gives a run, checked before anything is sent."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_pipeline.config.flags import parse_value
from tfx_pipeline.config.kubeflow import KubeflowConfig
from tfx_pipeline.config.limits import DataGateConfig
from tfx_pipeline.config.section import Section
from tfx_pipeline.config.sections import DataConfig, EvaluationConfig, ServingConfig, TrainingConfig
from tfx_pipeline.process.errors import UserError

FIELDS: Mapping[str, tuple[type[Section], str]] = {
    "data_source": (DataConfig, "source"),
    "data_dir": (DataConfig, "dir"),
    "data_version": (DataConfig, "version"),
    "limit": (DataConfig, "limit"),
    "data_gate": (DataGateConfig, "mode"),
    **{name: (TrainingConfig, name) for name in TrainingConfig.model_fields},
    **{name: (EvaluationConfig, name) for name in EvaluationConfig.model_fields},
    "keep_versions": (ServingConfig, "keep_versions"),
    "repo_url": (KubeflowConfig, "repo_url"),
    "repo_ref": (KubeflowConfig, "repo_ref"),
}
"""The configuration's field behind each run parameter that has one: its type, its limits and its meaning."""


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
        near = difflib.get_close_matches(name, definitions, n=1)
        expected = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(sorted(definitions))}"
        raise UserError(f"--param {text}: the pipeline has no parameter {name}, {expected}")
    if name not in FIELDS:
        return name, value
    section, field = FIELDS[name]
    return name, parse_value(section, field, value, f"--param {text}")
