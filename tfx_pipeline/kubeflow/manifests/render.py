"""Fills in the YAML files of ``templates/`` and writes what comes out for ``kubectl apply -f -``."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import jinja2
import yaml

from tfx_pipeline.kubeflow.pod import Manifest

TEMPLATES: Final = Path(__file__).with_name("templates")


class _Dumper(yaml.SafeDumper):
    """Writes a part that two documents share twice, as people expect."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's form
        """Never refers to what was written before."""
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Writes a text of several lines as such."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)


def rendered(template: str, **values: Any) -> list[Manifest]:
    """The documents of a template; a key whose placeholder has no value is left out."""
    return [
        _without_none(document) for document in yaml.safe_load_all(_ENVIRONMENT.get_template(template).render(values))
    ]


def as_yaml(documents: Sequence[Manifest], comment: Sequence[str]) -> str:
    """Writes documents after lines of comment."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False)
    return "".join(f"# {line}\n" for line in comment) + text


def _quoted(value: Any) -> str:
    """A placeholder's value on one line, quoted throughout: no text of a user's becomes another structure."""
    text: str = yaml.dump(
        value, Dumper=yaml.SafeDumper, default_style='"', default_flow_style=True, width=math.inf, sort_keys=False
    )
    return text.strip()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    undefined=jinja2.StrictUndefined,
    finalize=_quoted,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - YAML, whose values are quoted
)
