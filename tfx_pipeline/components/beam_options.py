"""The options for Apache Beam: the pipeline's own and the user's, which are checked before anything runs."""

import contextlib
import difflib
import io
from collections.abc import Sequence
from typing import Any, Final

from apache_beam.options.pipeline_options import PipelineOptions

from tfx_pipeline.process.errors import UserError

EMBEDDED_BEAM: Final = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
"""Beam's direct runner inside the process. By its name `DirectRunner`, Beam 2.77 downloads a binary and runs that."""

NO_PACKAGE: Final = "--sdk_container_image=this-process"
"""Names no image that is ever looked for. Where none is named, nor a setup file or a package, TFX packs its own sources
for remote workers, for 2 s in each step that uses Beam; the embedded runner has no such workers."""


def beam_options(given: Sequence[str]) -> list[str]:
    """Completes options for Apache Beam.

    Args:
        given: Options of the user, which win over the pipeline's own; another runner is one of them.

    Returns:
        Every option. Where no runner is given, Beam runs inside the process.

    Raises:
        UserError: Beam does not know an option, or does not take its value.
    """
    values = _parse(given)
    known = PipelineOptions([]).get_all_options()
    for name in values.keys() - known.keys():
        # Another runner's server may know more options than Beam does here.
        likely = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if likely or "runner" not in values:
            advice = f"did you mean --{likely[0]}?" if likely else "leave it out"
            raise UserError(f"--beam-args --{name}: Apache Beam has no such option, {advice}")
    return [*EMBEDDED_BEAM, *([] if values.get("runner") else [NO_PACKAGE]), *given]


def _parse(given: Sequence[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            options: dict[str, Any] = PipelineOptions(list(given)).get_all_options(
                drop_default=True, retain_unknown_options=True
            )
    except SystemExit as error:  # argparse prints its usage and leaves
        reason = said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise UserError(
            f"--beam-args {' '.join(given)}: {reason or 'asks for help'}; expected options that Apache Beam takes"
        ) from error
    return options
