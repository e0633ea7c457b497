"""Executor inputs as the backend's driver makes them and its launcher passes them on."""

import copy
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

MODEL_SCHEMA = "title: tfx.Model\ntype: object\n"
EXAMPLES_SCHEMA = (
    "title: tfx.Examples\ntype: object\nproperties:\n"
    "  span:\n    type: integer\n    description: Span for an artifact.\n"
    "  version:\n    type: integer\n    description: Version for an artifact.\n"
    "  split_names:\n    type: string\n    description: JSON-encoded list of splits for an artifact.\n"
)
BLESSING_SCHEMA = "title: tfx.ModelBlessing\ntype: object\n"
EVALUATION_SCHEMA = "title: tfx.ModelEvaluation\ntype: object\n"

RUN = "mlpipeline/v2/artifacts/fashion-mnist/0b7dc1c0-5d5d-4b5c-9d3a-0d8f2f6f2f11"
SALT = "7e3f2b60-1b7e-43a5-8f3e-0f6d8f0a7c55"
SESSION = '{"Provider":"minio","Params":{"endpoint":"minio-service.kubeflow:9000","fromEnv":"false"}}'

INPUTS_SPEC = {
    "artifacts": {
        "baseline_model": {"artifactType": {"instanceSchema": MODEL_SCHEMA}, "isOptional": True},
        "examples": {"artifactType": {"instanceSchema": EXAMPLES_SCHEMA}},
        "model": {"artifactType": {"instanceSchema": MODEL_SCHEMA}},
    },
    "parameters": {
        "batch_size": {"parameterType": "NUMBER_INTEGER"},
        "example_splits": {"parameterType": "STRING"},
        "min_accuracy": {"parameterType": "NUMBER_DOUBLE"},
    },
}


def read_back(identifier: str, uri: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """An input, as ML Metadata gives it back: without its type, with what the launcher added, numbers as doubles."""
    added = {"display_name": uri.rsplit("/", 1)[1], "store_session_info": SESSION}
    artifact = {"name": identifier, "type": {"instanceSchema": ""}, "uri": uri, "metadata": {**metadata, **added}}
    return {"artifacts": [artifact]}


def provisioned(key: str, uri: str, kind: dict[str, Any]) -> dict[str, Any]:
    """An output, as the driver provisions it."""
    return {"artifacts": [{"name": key, "type": kind, "uri": uri}]}


def executor_input(scheme: str = "minio", bucket: str = RUN, task: str = "evaluator") -> dict[str, Any]:
    """An evaluator's executor input on an object store.

    Args:
        scheme: Of the pipeline root.
        bucket: The rest of the run's root.
        task: The task's name.

    Returns:
        What `{{$}}` becomes in the container's arguments.
    """
    root = f"{scheme}://{bucket}"
    mount = {"minio": "/minio", "s3": "/s3", "gs": "/gcs"}[scheme]
    output = f"{root}/{task}/{SALT}"
    return {
        "inputs": {
            "parameterValues": {"batch_size": 64, "example_splits": '["eval"]', "min_accuracy": 0.85},
            "artifacts": {
                "examples": read_back(
                    "3",
                    f"{root}/example-gen/{SALT}/examples",
                    {"split_names": '["train", "eval"]', "span": 0, "payload_format": 6, "data_digest": "5cf0"},
                ),
                "model": read_back("11", f"{root}/trainer/{SALT}/model", {"tfx_version": "1.21.0"}),
                "baseline_model": read_back("9", f"{root}/baseline-locator/{SALT}/baseline", {"version": 1795521582}),
            },
        },
        "outputs": {
            "artifacts": {
                "blessing": provisioned("blessing", f"{output}/blessing", {"instanceSchema": BLESSING_SCHEMA}),
                "evaluation": provisioned("evaluation", f"{output}/evaluation", {"instanceSchema": EVALUATION_SCHEMA}),
                "executor-logs": provisioned(
                    "executor-logs", f"{output}/executor-logs-0", {"schemaTitle": "system.Artifact"}
                ),
            },
            "outputFile": f"{mount}/{bucket}/{task}/{SALT}/output_metadata.json",
        },
    }


def changed(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a message with the value at a path, such as `inputs.artifacts.model`, replaced."""
    result = copy.deepcopy(message)
    *parents, last = path.split(".")
    target = result
    for name in parents:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[last] = value
    return result


def is_executor_input(message: dict[str, Any]) -> bool:
    """Whether a message has the fields and the types of an ExecutorInput, and no others."""
    json_format.ParseDict(message, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=False)
    return True
