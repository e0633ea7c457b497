"""Executes the pipeline with LocalDagRunner and collects what it came to."""

import logging
import os
import shutil
from collections.abc import Sequence

from ml_metadata.metadata_store import MetadataStore
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from modules import devices
from tfx_pipeline.config.sections import Config
from tfx_pipeline.data.sources import VerifiedFiles
from tfx_pipeline.local.artifacts import Pages, outputs_of, pages_of, with_push, with_results
from tfx_pipeline.local.console import Console, EpochHandler
from tfx_pipeline.local.progress import Progress
from tfx_pipeline.local.runner import LocalDagRunner
from tfx_pipeline.pipeline import create_pipeline, require_search_space
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.checkpoints import CHECKPOINTS_VARIABLE
from tfx_pipeline.record.output import Output
from tfx_pipeline.record.run_record import RunRecord
from tfx_pipeline.review import report_pages
from tfx_pipeline.steps.table import TRAINER

logger = logging.getLogger(__name__)


def execute(
    config: Config,
    beam_args: Sequence[str],
    dataset: VerifiedFiles,
    output: Output,
    console: Console,
    progress: Progress,
) -> None:
    """Executes every component.

    Args:
        config: Every value in force.
        beam_args: Every option for Apache Beam, with a runner that works here.
        dataset: The data to ingest.
        output: The run's places.
        console: Shows the epochs.
        progress: Is told how each component goes.

    Raises:
        UserError: A GPU was asked for and there is none, or there is nothing to tune.
        Exception: What a component raised; those after it do not run.
    """
    if config.training.device == "gpu":
        _require_gpu()
    require_search_space(config)  # before the data is read rather than when the tuner starts
    # Read from the cache: a slow form is not decoded twice, and the same data from elsewhere is the same to the graph.
    place = {"data_source": dataset.source, "data_dir": config.data.data_dir and dataset.path}
    data = config.data.model_copy(update=place)
    pipeline = create_pipeline(
        config.model_copy(update={"data": data}),
        pipeline_root=str(output.pipeline),
        serving_dir=str(output.serving),
        data_digest=dataset.digest,
        metadata=sqlite_metadata_connection_config(str(output.metadata)),
        beam_args=beam_args,
    )
    epochs = EpochHandler(console)
    user_logger = logging.getLogger("modules")
    user_logger.addHandler(epochs)
    warnings = EpochHandler(console)
    warnings.setLevel(logging.WARNING)
    step_logger = logging.getLogger("tfx_pipeline.steps")
    step_logger.addHandler(warnings)
    checkpoints = output.pipeline / TRAINER.name / ".checkpoints"
    os.environ[CHECKPOINTS_VARIABLE] = str(checkpoints)
    if not config.run.cache:
        shutil.rmtree(checkpoints, ignore_errors=True)
    try:
        LocalDagRunner(run_id=output.run_id, progress=progress).run(pipeline)
    finally:
        user_logger.removeHandler(epochs)
        step_logger.removeHandler(warnings)
        if TRAINER.name in progress.executions:
            shutil.rmtree(checkpoints, ignore_errors=True)


def _require_gpu() -> None:
    """Fails before the data is read rather than when the trainer starts."""
    try:
        devices.require_gpu()
    except devices.NoGpuError as error:
        raise UserError(str(error)) from error


def collect(record: RunRecord, output: Output, progress: Progress) -> RunRecord:
    """Adds what the run came to, and puts curves and review where TensorBoard and the reader find them."""
    if not progress.executions:
        return record
    store = MetadataStore(sqlite_metadata_connection_config(str(output.metadata)))
    outputs = outputs_of(store, progress.executions)
    record = with_push(with_results(record, outputs), outputs, output.serving)
    try:
        _show(output, record, pages_of(outputs))
    except Exception:
        # A page that fails must not cost the verdict, which the caller shows next.
        logger.exception("the review cannot be shown")
        shutil.rmtree(output.tensorboard, ignore_errors=True)  # on a full disk, the manifest needs the room of a half
    return record


def _show(output: Output, record: RunRecord, pages: Pages) -> None:
    if pages.tensorboard:
        shutil.copytree(pages.tensorboard, output.tensorboard)
    if pages.report:
        report_pages.publish(pages.report, output.report, record)
