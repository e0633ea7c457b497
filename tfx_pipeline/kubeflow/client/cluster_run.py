"""What is known of a run on Kubeflow that has ended: by the API, by ML Metadata or by the object store."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import kfp_server_api

from modules.dataset import DATASET
from tfx_pipeline.kubeflow.client.artifacts import listed
from tfx_pipeline.kubeflow.client.metadata import Metadata
from tfx_pipeline.kubeflow.client.page import Page
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.step_states import named_steps
from tfx_pipeline.kubeflow.client.watch import DONE, Outcome, outcome_of
from tfx_pipeline.kubeflow.package.exit_step import tasks_of
from tfx_pipeline.kubeflow.run_metadata import Execution, Output, read_run
from tfx_pipeline.process.errors import UserError

STOCK_ROOT: Final = "minio://mlpipeline/v2/artifacts"
"""Where the backend keeps artifacts if nobody says otherwise."""
PROFILE_ROOT: Final = "minio://mlpipeline/private-artifacts/{}/v2/artifacts"
"""Where Kubeflow has it keep those of a profile."""


@dataclasses.dataclass(frozen=True)
class ClusterRun:
    """A run.

    Attributes:
        id: Its name on this machine.
        run: What the API says of it.
        outcome: How it ended.
        page: The address of its page.
        steps: All its steps.
        parameters: The run parameters in force.
        executions: The steps that began, with their outputs.
    """

    id: str
    run: kfp_server_api.V2beta1Run
    outcome: Outcome
    page: str
    steps: tuple[str, ...]
    parameters: Mapping[str, Any]
    executions: Mapping[str, Execution]

    def output(self, key: str, kind: str = "", but: str = "") -> Output | None:
        """The output of a key, where asked for of a kind or of any but one; None where no step made it."""
        outputs = [o for e in self.executions.values() for k, o in e.outputs.items() if k == key]
        return next((o for o in outputs if kind in ("", o.kind) and (not but or o.kind != but)), None)


def find(server: Server, page: Page, run: kfp_server_api.V2beta1Run, run_id: str, name: str) -> ClusterRun:
    """Finds out what there is of a run.

    Args:
        server: Kubeflow's API server.
        page: Its page.
        run: What the API says of the run.
        run_id: Its id.
        name: Its name on this machine.

    Raises:
        UserError: Nobody says where its artifacts are.
    """
    try:
        spec = server.spec(run)
    except UserError:  # its version was deleted
        spec = {"pipelineInfo": {"name": DATASET.name}, "root": {"dag": {"tasks": {}}}, "components": {}}
    tasks = run.run_details.task_details if run.run_details else None
    steps = tuple(tasks_of(spec)) or tuple(sorted(named_steps(tasks or [])))
    definitions = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    defaults = {key: definition.get("defaultValue") for key, definition in definitions.items()}
    given = run.runtime_config.parameters if run.runtime_config else None
    return ClusterRun(
        id=name,
        run=run,
        outcome=outcome_of(server, run, run_id, steps),
        page=server.run_url(run_id),
        steps=steps,
        parameters={**defaults, **(given or {})},
        executions=_executions(page, run, f"{spec['pipelineInfo']['name']}/{run_id}", server.namespace),
    )


def _executions(
    page: Page, run: kfp_server_api.V2beta1Run, folder: str, namespace: str | None
) -> Mapping[str, Execution]:
    """What ML Metadata knows of the steps, else what lies in the object store."""
    run_id = folder.rpartition("/")[2]
    try:
        known = read_run(Metadata(page), run_id)
        # A run may have failed before its first step.
        if known or run.state not in DONE:
            return known
        reasons = ["ML Metadata does not know the run"]
    except UserError as error:
        reasons = [str(error)]
    for root in _roots(run, namespace):
        try:
            return listed(f"{root}/{folder}")
        except UserError as error:
            reasons.append(str(error))
    raise UserError(f"--fetch {run_id}: nobody says where its artifacts are: {'; '.join(reasons)}")


def _roots(run: kfp_server_api.V2beta1Run, namespace: str | None) -> list[str]:
    """Where the backend keeps artifacts: where the run says, else in the profile's own place, or in that for all."""
    given = run.runtime_config.pipeline_root if run.runtime_config else None
    if given:
        return [given.rstrip("/")]
    return [*([PROFILE_ROOT.format(namespace)] if namespace else []), STOCK_ROOT]
