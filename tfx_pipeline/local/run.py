"""One run on this machine, from the configuration to the exit code."""

import dataclasses
import logging
import time

from tfx_pipeline.config.sections import Config
from tfx_pipeline.local.console import Console
from tfx_pipeline.local.failure import Failure, error_line, failure_of
from tfx_pipeline.local.progress import Progress
from tfx_pipeline.local.summary import summary
from tfx_pipeline.process import signals
from tfx_pipeline.process.host_paths import require_no_pattern, require_visible
from tfx_pipeline.process.imports import loading
from tfx_pipeline.process.log import captured_output
from tfx_pipeline.record.manifests import begin, write
from tfx_pipeline.record.output import Output, new_run
from tfx_pipeline.record.output_lock import exclusive, write_errors_as_user_errors
from tfx_pipeline.record.run_record import RunRecord
from tfx_pipeline.record.versions import git_commit, versions

logger = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Runs the pipeline once.

    Args:
        config: Every value in force.

    Returns:
        The exit code: 0 where every component ran, whether the model was pushed or refused; 1 where one failed; 128
        and the signal's number where a signal ended the run.

    Raises:
        UserError: The output directory cannot be written, its path means several, or another run uses it.
    """
    started = time.monotonic()
    root = config.run.output_dir.absolute()
    require_no_pattern(root, "--output-dir")
    require_visible(root, "--output-dir")
    with exclusive(root) as died:
        output = new_run(config.run.output_dir)
        values = config.model_dump(mode="json", exclude={"kubeflow"})
        record = RunRecord(output.run_id, config=values, versions=versions(), git_commit=git_commit())
        with write_errors_as_user_errors(root):
            begin(output, record)
        with captured_output(output.log) as stream:
            console = Console(stream)
            if died:
                console.line(f"note: {died}, ended before its run did; this run goes on from what it left")
            progress = Progress(console)
            failure = _attempt(config, output, console, progress)
            signals.ignore()
            output.reserve.unlink(missing_ok=True)
            record = dataclasses.replace(record, wall_seconds=round(time.monotonic() - started, 3))
            failure = _finish(record, output, console, progress, failure)
    return failure.code if failure else 0


def _attempt(config: Config, output: Output, console: Console, progress: Progress) -> Failure | None:
    """Runs the pipeline and returns what stopped it; None where nothing did."""
    try:
        with signals.exit_refused("the run"):
            _run(config, output, console, progress)
    except signals.Interrupted as interrupt:
        signals.end_soon(interrupt.code)
        logger.info("%s", interrupt)
        _close(output, progress)
        return Failure(str(interrupt), interrupt.code)
    except Exception as exception:
        output.reserve.unlink(missing_ok=True)  # so that a full disk has room for the traceback
        logger.exception("the run failed")
        return failure_of(exception, output.root)
    return None


def _run(config: Config, output: Output, console: Console, progress: Progress) -> None:
    # TensorFlow and Beam talk when they are imported, and take seconds: both belong inside the run.
    from tfx_pipeline.config.sections import require_validation_fraction  # noqa: PLC0415
    from tfx_pipeline.data.idx_files import HELD_BACK_SPLIT  # noqa: PLC0415
    from tfx_pipeline.data.sources import default_cache_dir, resolve  # noqa: PLC0415

    with loading():
        from tfx_pipeline.beam.options import beam_options, require_runner  # noqa: PLC0415

    beam_args = require_runner(beam_options(config.run.beam_args, config.beam))
    dataset = resolve(config.data.data_source, config.data.data_dir, default_cache_dir(), console.line)
    if HELD_BACK_SPLIT not in dataset.counts:
        require_validation_fraction(config.training)
    if config.run.clean:
        output.clean()
    with loading():
        _recover(output, console)
        from tfx_pipeline.local.execution import execute  # noqa: PLC0415

    execute(config, beam_args, dataset, output, console, progress)


def _recover(output: Output, console: Console) -> None:
    from tfx_pipeline.local.recovery import recover  # noqa: PLC0415

    aside = recover(output)
    if aside:
        console.line(f"note: there is no {output.metadata.name} for the artifacts there were: moved to {aside}")


def _close(output: Output, progress: Progress) -> None:
    """Marks interrupted executions as failed in ML Metadata, which TFX does for errors only."""
    if not progress.components:
        return
    from tfx_pipeline.local.recovery import fail_unfinished  # noqa: PLC0415

    try:
        fail_unfinished(output)
    except Exception:
        logger.exception("the next run will mark as failed what was interrupted")


def _finish(
    record: RunRecord, output: Output, console: Console, progress: Progress, failure: Failure | None
) -> Failure | None:
    """Writes record and summary; returns what stopped the run, or kept its results from being recorded."""
    record = dataclasses.replace(record, components=tuple(progress.components.values()))
    try:
        record = _with_results(record, output, progress)
    except Exception as exception:
        logger.exception("the run's results cannot be read")
        failure = failure or Failure(error_line(exception, output.root))
    record = dataclasses.replace(record, status="succeeded")
    if failure:
        gate = record.data_gate or failure.data_gate
        record = dataclasses.replace(record, status="failed", error=failure.error, data_gate=gate)
    try:
        write(output, record)
        summary(console, output, record)
    except Exception as exception:
        logger.exception("the run's results cannot be recorded")
        failure = failure or Failure(error_line(exception, output.root))
        console.line(f"error: {failure.error}", style="red")
    return failure


def _with_results(record: RunRecord, output: Output, progress: Progress) -> RunRecord:
    if not progress.components:
        return record
    from tfx_pipeline.local.execution import collect  # noqa: PLC0415

    return collect(record, output, progress)
