"""The requests in docs/serving.md, by TensorFlow Serving's rules for JSON, against a real model.

The rules are those of `tensorflow_serving/g3doc/api_rest.md` and `tensorflow_serving/util/json_tensor.cc` (2.20.0).
"""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.dataset import DATASET
from tests.small_run import ROOT, Run

DOCS = (ROOT / "docs" / "serving.md").read_text()
OUTPUTS = {"logits", "probabilities", "classes", "class_names"}


class RefusedError(Exception):
    """The server would answer with status 400."""


def value_of(item: Any, dtype: tf.DType) -> Any:
    """One value of a tensor, as `AddValueToTensor` and `JsonDecodeBase64Object` take it."""
    if dtype == tf.string:
        if isinstance(item, dict) and item.keys() == {"b64"}:
            return base64.b64decode(item["b64"], validate=True)
        if isinstance(item, str):
            return item.encode()
    elif dtype.is_integer and type(item) is int:
        return item
    raise RefusedError(f"JSON Value: {item!r} is not of expected type: {dtype.name}")


def tensor_of(value: Any, spec: tf.TensorSpec) -> tf.Tensor:
    """A tensor from nested lists, which must all have the same shape."""

    def converted(item: Any) -> Any:
        return [converted(inner) for inner in item] if isinstance(item, list) else value_of(item, spec.dtype)

    try:
        tensor = tf.constant(converted(value), spec.dtype)
    except ValueError as error:
        raise RefusedError(f"Encountered list at unexpected size: {error}") from error
    if not spec.shape.is_compatible_with(tensor.shape):
        raise RefusedError(f"{tensor.shape} is not {spec.shape}")
    return tensor


def predict(model: Any, body: str) -> dict[str, Any]:
    """What `:predict` answers."""
    request = json.loads(body)
    if ("instances" in request) == ("inputs" in request):
        raise RefusedError("one of instances and inputs")
    signature = model.signatures[request.get("signature_name", "serving_default")]
    ((name, spec),) = signature.structured_input_signature[1].items()
    rows = "instances" in request
    value = request["instances"] if rows else request["inputs"]
    if not rows and isinstance(value, dict) and name in value:
        value = value[name]
    if rows and isinstance(value[0], dict) and "b64" not in value[0]:
        value = [instance[name] for instance in value]
    found = signature(**{name: tensor_of(value, spec)})
    outputs = {key: json_of(tensor.numpy()) for key, tensor in found.items()}
    if not rows:
        return {"outputs": outputs}
    return {"predictions": [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]}


def json_of(array: np.ndarray) -> Any:
    """A tensor as JSON; texts stand as they are, since no name ends in `_bytes`."""
    texts = array.astype(str) if array.dtype == object else array
    return texts.tolist()


@pytest.fixture(scope="module")
def model(first_run: Run) -> Any:
    return tf.saved_model.load(str(first_run.artifact("trainer", "model") / "Format-Serving"))


def documented(directory: Path) -> dict[str, str]:
    """The bodies that the commands of the page write, by the name of the file."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCS, flags=re.DOTALL)
    for block in blocks:
        command, curl, url = re.fullmatch(r"(.*)\ncurl --data @(\S+) (\S+)\n", block, flags=re.DOTALL).groups()
        assert command.endswith(f">{curl}")
        assert url == "$URL:predict"
        command = re.sub(r"^(tools/env python|python3) ", f"{sys.executable} ", command)
        subprocess.run(["/bin/sh", "-ec", command], cwd=directory, check=True, capture_output=True)
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_the_pages_request_for_each_signature_is_answered(model: Any, tmp_path: Path) -> None:
    bodies = documented(tmp_path)
    answers = {
        json.loads(body).get("signature_name", "serving_default"): predict(model, body) for body in bodies.values()
    }
    assert answers.keys() == set(model.signatures) == {"serving_default", "serving_images"}
    for answer in answers.values():
        assert all(row.keys() == OUTPUTS for row in answer["predictions"])
    images, examples = (answers[name]["predictions"] for name in ("serving_images", "serving_default"))
    assert len(images) == 2
    np.testing.assert_allclose(images[0]["logits"], examples[0]["logits"], atol=1e-6)
    assert images[0]["class_names"] == DATASET.class_names[images[0]["classes"]]


def test_column_format_has_names_once(model: Any) -> None:
    image = [[0] * 28 for _ in range(28)]
    request = {"signature_name": "serving_images", "inputs": {"images": [image, image]}}
    answer = predict(model, json.dumps(request))["outputs"]
    assert answer.keys() == OUTPUTS
    assert len(answer["classes"]) == len(answer["class_names"]) == 2


@pytest.mark.parametrize(
    "request_", [
        {"signature_name": "serving_images", "instances": [[[0.5] * 28] * 28]},
        {"signature_name": "serving_images", "instances": [[[0] * 28] * 27]},
        {"signature_name": "serving_images", "instances": [[[0] * 28] * 28, [[0] * 27] * 28]},
        {"instances": [{"b64": 1}]},
        {"instances": [], "inputs": []},
    ]
)  # fmt: skip
def test_the_rules_refuse_what_the_server_refuses(model: Any, request_: dict[str, Any]) -> None:
    with pytest.raises((RefusedError, TypeError)):
        predict(model, json.dumps(request_))


def test_the_page_names_the_outputs_that_a_model_has() -> None:
    assert all(f"`{name}`" in DOCS for name in OUTPUTS)
