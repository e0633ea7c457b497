"""One run on this machine, from the configuration to the exit code."""

import logging
import time
from typing import Any

from tfx_pipeline.config import Config
from tfx_pipeline.errors import UserError
from tfx_pipeline.local.console import Console
from tfx_pipeline.local.log import captured_output
from tfx_pipeline.local.output import Output, new_run
from tfx_pipeline.local.progress import Progress
from tfx_pipeline.local.summary import summary

logger = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Runs the pipeline once.

    Args:
        config: Every value in force.

    Returns:
        The exit code: 0 where every component ran, whether the model was pushed or refused; 1 where one failed.

    Raises:
        UserError: The output directory cannot be written.
    """
    begin = time.monotonic()
    output = new_run(config.run.output_dir)
    with captured_output(output.log) as stream:
        console = Console(stream)
        progress = Progress(console)
        error = _attempt(config, output, console, progress)
        content = _record(config, output, progress, error, begin)
        summary(console, output, content)
    return 1 if error else 0


def _attempt(config: Config, output: Output, console: Console, progress: Progress) -> str | None:
    """Runs the pipeline and returns what stopped it, in one line; None where nothing did."""
    # TensorFlow and Beam talk when they are imported, and take seconds: both belong inside the run.
    from tfx_pipeline.data.sources import default_cache_dir, resolve  # noqa: PLC0415

    try:
        dataset = resolve(config.data.source, config.data.dir, default_cache_dir(), console.line)
        if config.run.clean:
            output.clean()
        from tfx_pipeline.local.execution import execute  # noqa: PLC0415

        execute(config, dataset, output, console, progress)
    except Exception as exception:
        logger.exception("the run failed")
        return one_line(exception)
    return None


def _record(config: Config, output: Output, progress: Progress, error: str | None, begin: float) -> dict[str, Any]:
    from tfx_pipeline.local.execution import collect  # noqa: PLC0415
    from tfx_pipeline.local.manifest import manifest, write_json  # noqa: PLC0415

    content = manifest(
        run_id=output.run_id,
        error=error,
        wall_seconds=time.monotonic() - begin,
        components=list(progress.components.values()),
        outcome=collect(output, progress),
        config=config,
    )
    for path in output.manifests:
        write_json(path, content)
    return content


def one_line(exception: BaseException) -> str:
    """What a person needs to know of an exception: a ``UserError`` among its causes, or its type and first line."""
    cause: BaseException | None = exception
    while cause:
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    lines = str(exception).strip().splitlines() or ["no message"]
    return f"{type(exception).__name__}: {lines[0]}"
