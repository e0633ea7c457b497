"""LocalDagRunner that tells a run's progress about each component."""

import time
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner as TfxLocalDagRunner
from tfx.orchestration.portable import data_types, launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from tfx_pipeline.local import reuse
from tfx_pipeline.local.progress import Progress
from tfx_pipeline.process import signals
from tfx_pipeline.record import seal
from tfx_pipeline.record.run_record import State
from tfx_pipeline.steps import graph
from tfx_pipeline.steps.table import step_named


class LocalDagRunner(TfxLocalDagRunner):
    """Runs component after component in this process, as TFX's own does.

    TFX's loop cannot report progress, take a run id, or leave a component uncached; everything else is TFX's.
    """

    def __init__(self, *, run_id: str, progress: Progress) -> None:
        """Makes a runner for one run.

        Args:
            run_id: The run's name in ML Metadata.
            progress: Is told how each component goes.
        """
        super().__init__()
        self._run_id = run_id
        self._progress = progress

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: Any = None) -> None:
        """Runs a compiled pipeline.

        Args:
            pipeline: The pipeline; its run id is filled in.
            run_options: Partial runs are not supported.

        Raises:
            ValueError: ``run_options`` are given.
            Exception: What the first component that failed raised. Those that depend on it do not run, nor what only
                they need; the others do, so that a review that fails does not cost the push, nor the other way round.
        """
        if run_options:
            raise ValueError("run_options: partial runs are not supported")
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in pipeline.nodes}
        waits = {name: list(node.upstream_nodes) for name, node in nodes.items()}
        order = graph.run_order(waits)
        self._progress.expect(order)
        failed: dict[str, Exception] = {}
        for name in order:
            if not graph.is_of_use(name, waits, failed):
                continue
            signals.raise_missed()
            if not step_named(name).cached:
                nodes[name].execution_options.caching_options.enable_cache = False
            try:
                self._run_node(pipeline, nodes[name])
            except Exception as error:  # noqa: BLE001 - it is raised below
                failed[name] = error
        if failed:
            raise next(iter(failed.values()))

    def _run_node(self, pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> None:
        component = node.node_info.id
        begin = time.monotonic()
        self._progress.started(component)
        try:
            with signals.exit_refused(component):
                execution, state = self._execute(pipeline, node)
        except BaseException:  # an interrupt ends a component as an error does
            self._progress.finished(component, "failed", time.monotonic() - begin, None)
            raise
        self._progress.finished(component, state, time.monotonic() - begin, execution)

    def _execute(self, pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> tuple[int, State]:
        """Runs a component, or takes what an earlier run left where that is still as it was written."""
        connection, component = _connection(pipeline), node.node_info.id
        root = Path(pipeline.runtime_spec.pipeline_root.field_value.string_value)
        with reuse.reuse_unchanged(root) as problems:
            execution: int = _launcher(pipeline, node, connection).launch().execution_id
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._progress.note(f"{component}: {problems[0]}{more}: not reused")
        if _was_cached(connection, execution):
            return execution, "cached"
        with connection as handle:
            reuse.seal_outputs(handle.store, execution, component)
        return execution, "succeeded"


def _connection(pipeline: pipeline_pb2.Pipeline) -> metadata.Metadata:
    config = runner_utils.extract_local_deployment_config(pipeline).metadata_connection_config
    return metadata.Metadata(getattr(config, config.WhichOneof("connection_config")))


def _was_cached(connection: metadata.Metadata, execution_id: int) -> bool:
    with connection as handle:
        (execution,) = handle.store.get_executions_by_id([execution_id])
    return bool(execution.last_known_state == metadata_store_pb2.Execution.CACHED)


class _Launcher(launcher.Launcher):
    """TFX's launcher, which looks at a component's inputs before it runs, and where it fails."""

    def _run_executor(self, execution_info: data_types.ExecutionInfo) -> Any:
        inputs = [
            seal.Input(Path(artifact.uri), artifact.get_string_custom_property(seal.PROPERTY))
            for artifacts in execution_info.input_dict.values()
            for artifact in artifacts
        ]
        with seal.whole(inputs):
            return super()._run_executor(execution_info)


def _launcher(
    pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, connection: metadata.Metadata
) -> launcher.Launcher:
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    component = node.node_info.id
    return _Launcher(
        pipeline_node=node,
        mlmd_connection=connection,
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, component),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, component),
    )
