"""The command of the exit step's container: posts how the run ended, and never fails."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from ml_metadata.proto import metadata_store_service_pb2_grpc

from tfx_pipeline.kubeflow.run_metadata import DONE, Execution, read_run
from tfx_pipeline.kubeflow.step import step_log
from tfx_pipeline.steps.webhook import Result, notify

logger = logging.getLogger(__name__)

COMMAND: Final = ("python3", "-m", "tfx_pipeline.kubeflow.notifier", "--kfp_compat", "kfp.dsl.executor_main")
"""The container's command; the last two words are the entrypoint's."""
_STOCK_HOST: Final = "metadata-grpc-service.kubeflow"
_PATIENCE: Final = 5  # seconds for an answer of ML Metadata


def main(argv: Sequence[str]) -> int:
    """Posts the result of the run; returns 0 whatever happens."""
    step_log.start()
    try:
        parser = argparse.ArgumentParser(prog=__spec__.name, description=__doc__)
        parser.add_argument("executor_input")
        parser.add_argument("--kfp_compat", help="not used")
        parameters = json.loads(parser.parse_args(argv).executor_input)["inputs"]["parameterValues"]
        notify(_result(parameters), parameters["secret"], parameters["secret_dir"])
    except Exception as error:  # noqa: BLE001 - a message that is not sent must not fail the run
        logger.warning("nothing is sent: %s", type(error).__name__)
    return 0


def _result(parameters: Mapping[str, Any]) -> Result:
    """What is known of the run: from ML Metadata, else by what Kubeflow says of its state alone."""
    run, name = parameters["run"], parameters["name"]
    steps: list[str] = json.loads(parameters["steps"])
    final = parameters.get("status", {}).get("state", "")
    try:
        executions = read_run(_call_metadata, run)
    except Exception as error:  # noqa: BLE001 - the network, or another version
        logger.warning(
            "ML Metadata does not answer (%s): step, verdict and accuracy are not known", type(error).__name__
        )
        executions = {}
    if not executions:
        return Result(run, name, "succeeded" if final in ("COMPLETE", "SUCCEEDED") else "failed")
    return result_of(run, name, steps, executions)


def result_of(run: str, name: str, steps: Sequence[str], executions: Mapping[str, Execution]) -> Result:
    """Finds out how a run ended.

    Where no step failed, but not all are done, those that began are the failed ones: their pods are gone, or somebody
    ended the run.
    """
    states = {step: executions[step].state for step in steps if step in executions}
    failed = [step for step in states if states[step] == "FAILED"] or [s for s in states if states[s] not in DONE]
    blessed = _property(executions, "tfx.ModelBlessing", "blessed")
    return Result(
        run,
        name,
        "succeeded" if all(states.get(step) in DONE for step in steps) else "failed",
        ", ".join(failed) or None,
        None if blessed is None else "blessed" if blessed else "refused",
        _property(executions, "system.Metrics", "accuracy"),
    )


def _property(executions: Mapping[str, Execution], kind: str, name: str) -> Any:
    """A property of the output of a kind; None without it."""
    outputs = [output for execution in executions.values() for output in execution.outputs.values()]
    return next((output.properties.get(name) for output in outputs if output.kind == kind), None)


def _call_metadata(method: str, request: Any) -> Any:
    host = os.environ.get("METADATA_GRPC_SERVICE_HOST") or _STOCK_HOST
    port = os.environ.get("METADATA_GRPC_SERVICE_PORT", "")
    # Without Kubeflow's own ConfigMap, Kubernetes sets this variable for the service, to a URL.
    target = f"{host}:{port if port.isdigit() else 8080}"
    # A proxy is for the way out of the cluster, to the webhook.
    with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
        stub = metadata_store_service_pb2_grpc.MetadataStoreServiceStub(channel)
        return getattr(stub, method)(request, timeout=_PATIENCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
