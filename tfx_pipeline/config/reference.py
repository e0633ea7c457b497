"""Writes docs/settings.md: ``python -m tfx_pipeline.config.reference > docs/settings.md``."""

import itertools
import sys
from collections.abc import Iterator
from typing import Final

from tfx_pipeline.config.flags import MODELS, Setting, settings

_INTRODUCTION = """\
# Settings

Every setting with its default. In a TOML file, which `--config FILE.toml` reads, it stands in its section; on the
command line it is given by its flag or by `--set SECTION.KEY=VALUE`. Settings of `[kubeflow]` that speak of a step hold
for all steps, or for one in `[kubeflow.steps.STEP]`: `--set kubeflow.steps.trainer.gpus=1`.

Made from the declarations in `tfx_pipeline/config/` by `python -m tfx_pipeline.config.reference`.
"""

LONGEST: Final = 200
"""Characters of a default beyond which the page says only where it is."""


def reference() -> Iterator[str]:
    """Yields the page line by line: a table a section, in the order of the configuration."""
    yield _INTRODUCTION.rstrip()
    for name, group in itertools.groupby(settings(), key=lambda setting: setting.path[0]):
        rows = list(group)
        yield f"\n## [{name}]\n\n{rows[0].section.__doc__}\n"
        yield "| key | flag | default | meaning |\n|---|---|---|---|"
        yield from map(_row, rows)


def _row(setting: Setting) -> str:
    shown = setting.default if setting.default in ("", MODELS) else f"`{setting.default}`"
    if len(shown) > LONGEST:
        shown = "in [limits.toml](../tfx_pipeline/config/limits.toml)"
    flags = ", ".join(f"`{flag}`" for flag in setting.flags)
    cells = (f"`{setting.name}`", flags, shown, (setting.field.description or "").replace("|", "\\|"))
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(reference()) + "\n")
