"""What changes in an executor input before TFX reads it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.types import standard_artifacts

from tests.kubeflow.step import backend
from tfx_pipeline.components.trainer import HYPERPARAMETERS
from tfx_pipeline.kubeflow.step import executor_input, messages
from tfx_pipeline.kubeflow.step.tfx_executor import CLASS_PATHS
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record import system_types
from tfx_pipeline.record.properties import data_origin, hyperparameters
from tfx_pipeline.record.splits import written_examples


def prepared(message: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[str, Any]:
    return executor_input.prepare(message, spec or backend.INPUTS_SPEC)


def tfx_artifacts(message: dict[str, Any], side: str) -> dict[str, Any]:
    """The artifacts that TFX's own entrypoint makes out of a message, one a key."""
    proto = json_format.ParseDict(message, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    parsed = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(getattr(proto, side).artifacts)
    return {key: artifacts[0] for key, artifacts in parsed.items()}


def with_files(message: dict[str, Any], root: Path) -> dict[str, Any]:
    """The same message with artifacts below a local directory, each input with one file."""
    text = json.dumps(message).replace("minio://", f"{root}/").replace('"/minio/', f'"{root}/')
    result: dict[str, Any] = json.loads(text)
    for _key, artifact in messages.artifacts_of(result["inputs"]):
        Path(artifact["uri"]).mkdir(parents=True)
        Path(artifact["uri"], "file").write_bytes(b"1")
    return result


@pytest.fixture
def local_input(tmp_path: Path) -> dict[str, Any]:
    return with_files(backend.executor_input(), tmp_path)


def test_the_messages_of_these_tests_are_executor_inputs_of_the_backend() -> None:
    assert backend.is_executor_input(backend.executor_input())


def test_without_the_adapter_tfx_fails_on_the_logs_and_on_the_lost_types() -> None:
    message = backend.executor_input()
    with pytest.raises(ImportError, match=r"system\.Artifact"):
        tfx_artifacts(message, "outputs")
    with pytest.raises(AttributeError, match="NoneType"):
        tfx_artifacts(message, "inputs")


def test_log_artifact_of_the_launcher_is_left_out() -> None:
    outputs = prepared(backend.executor_input())["outputs"]
    assert set(outputs["artifacts"]) == {"blessing", "evaluation"}


def test_inputs_get_back_their_types_from_the_component(local_input: dict[str, Any]) -> None:
    inputs = tfx_artifacts(prepared(local_input), "inputs")
    assert {key: type(artifact) for key, artifact in inputs.items()} == {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
        "baseline_model": standard_artifacts.Model,
    }


def test_input_typed_as_system_artifact_gets_its_own_type(local_input: dict[str, Any]) -> None:
    kind = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
    message = backend.changed(local_input, "inputs.artifacts.model.artifacts.0.type", kind)
    assert isinstance(tfx_artifacts(prepared(message), "inputs")["model"], standard_artifacts.Model)


@pytest.mark.parametrize(
    ("scheme", "mount"), [("minio", "/minio/"), ("s3", "/s3/"), ("gs", "/gcs/")], ids=["minio", "s3", "gs"]
)
def test_uris_become_the_launchers_paths(scheme: str, mount: str) -> None:
    message = prepared(backend.executor_input(scheme), {"artifacts": {}})
    task = f"{mount}{backend.RUN}/evaluator/{backend.SALT}"
    assert message["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"] == f"{task}/blessing"
    model = message["inputs"]["artifacts"]["model"]["artifacts"][0]
    assert model["uri"] == f"{mount}{backend.RUN}/trainer/{backend.SALT}/model"


def test_local_uri_stays_as_it_is(local_input: dict[str, Any]) -> None:
    uri = local_input["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"]
    assert prepared(local_input)["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"] == uri


def test_artifact_of_kfp_local_without_a_name_can_be_told_from_others(local_input: dict[str, Any]) -> None:
    for _key, artifact in messages.artifacts_of(local_input["inputs"]):
        del artifact["name"]
    inputs = tfx_artifacts(prepared(local_input), "inputs")
    assert len({artifact.id for artifact in inputs.values()}) == 3
    assert 0 not in {artifact.id for artifact in inputs.values()}


def test_name_of_the_backend_stays() -> None:
    model = prepared(backend.executor_input())["inputs"]["artifacts"]["model"]["artifacts"][0]
    assert model["name"] == "11"


def test_custom_path_wins_over_the_uri() -> None:
    message = backend.changed(
        backend.executor_input(), "outputs.artifacts.blessing.artifacts.0.customPath", "/mnt/blessing"
    )
    assert prepared(message)["outputs"]["artifacts"]["blessing"]["artifacts"][0]["uri"] == "/mnt/blessing"


def test_input_in_the_workspace_is_read_there() -> None:
    message = backend.changed(
        backend.executor_input(), "inputs.artifacts.model.artifacts.0.metadata._kfp_workspace", True
    )
    model = prepared(message)["inputs"]["artifacts"]["model"]["artifacts"][0]
    assert model["uri"] == f"/kfp-workspace/.artifacts/minio/{backend.RUN}/trainer/{backend.SALT}/model"
    assert "_kfp_workspace" not in model["metadata"]


def test_model_image_of_a_registry_is_read_where_its_container_mounts_it() -> None:
    message = backend.changed(
        backend.executor_input(), "inputs.artifacts.model.artifacts.0.uri", "oci://registry.example/team/model:1"
    )
    uri = prepared(message)["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"]
    assert uri == "/oci/registry.example_team_model:1/models"


@pytest.mark.parametrize("box", ["list", "struct"])
def test_boxed_metadata_reaches_tfx_as_it_was_written(box: str, local_input: dict[str, Any]) -> None:
    value = {"list": [{"name": "Shirt"}, 2.0], "struct": {"Shirt": 0.61}}[box]
    message = backend.changed(local_input, "inputs.artifacts.model.artifacts.0.metadata.classes", {box: value})
    model = tfx_artifacts(prepared(message), "inputs")["model"]
    assert model.get_json_value_custom_property("classes") == value


def test_dictionary_of_another_key_is_not_a_box() -> None:
    assert executor_input.unboxed({"struct": {"a": 1.0}, "b": 2.0}) == {"struct": {"a": 1.0}, "b": 2.0}
    assert executor_input.unboxed({"Shirt": {"a": 1.0}}) == {"Shirt": {"a": 1.0}}


def test_metadata_of_the_backend_does_not_become_a_property(local_input: dict[str, Any]) -> None:
    examples = tfx_artifacts(prepared(local_input), "inputs")["examples"]
    assert not examples.has_custom_property("display_name")
    assert not examples.has_custom_property("store_session_info")
    assert examples.get_string_custom_property("data_digest") == "5cf0"
    assert examples.split_names == '["train", "eval"]'
    assert examples.get_int_custom_property("payload_format") == 6


def test_optional_input_without_files_is_left_out(local_input: dict[str, Any]) -> None:
    baseline = Path(local_input["inputs"]["artifacts"]["baseline_model"]["artifacts"][0]["uri"])
    baseline.joinpath("file").unlink()
    assert set(prepared(local_input)["inputs"]["artifacts"]) == {"examples", "model"}


def test_optional_input_with_a_file_and_required_input_without_one_stay(local_input: dict[str, Any]) -> None:
    Path(local_input["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"], "file").unlink()
    assert set(prepared(local_input)["inputs"]["artifacts"]) == {"examples", "model", "baseline_model"}


def test_every_system_type_has_the_class_of_this_project() -> None:
    outputs = {
        kind.TYPE_NAME.split(".")[1]: backend.provisioned(
            "report", "minio://b/report", {"instanceSchema": f"title: {kind.TYPE_NAME}\ntype: object\n"}
        )
        for kind in system_types.SYSTEM_ARTIFACTS
    }
    message = backend.changed(backend.executor_input(), "outputs.artifacts", outputs)
    parsed = tfx_artifacts(executor_input.with_class_paths(prepared(message), CLASS_PATHS), "outputs")
    assert {type(artifact) for artifact in parsed.values()} == set(system_types.SYSTEM_ARTIFACTS)


def test_directories_are_made_for_outputs_and_parents_for_files(tmp_path: Path) -> None:
    outputs = {
        "model": backend.provisioned("model", f"{tmp_path}/a/model", {"instanceSchema": backend.MODEL_SCHEMA}),
        "page": backend.provisioned("page", f"{tmp_path}/b/page", {"instanceSchema": "title: system.HTML\n"}),
        "text": backend.provisioned("text", f"{tmp_path}/c/text", {"schemaTitle": "tfx.String"}),
    }
    executor_input.make_directories(prepared({"outputs": {"artifacts": outputs}}))
    assert (tmp_path / "a/model").is_dir()
    assert (tmp_path / "b").is_dir()
    assert not (tmp_path / "b/page").exists()
    assert (tmp_path / "c").is_dir()
    assert not (tmp_path / "c/text").exists()


def test_input_without_files_is_an_empty_directory_as_in_a_local_run(tmp_path: Path) -> None:
    message = with_files(backend.executor_input(), tmp_path)
    model = Path(message["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"])
    model.joinpath("file").unlink()
    model.rmdir()
    executor_input.make_directories(prepared(message))
    assert model.is_dir()


@pytest.mark.parametrize("optional", [True, False])
def test_words_in_the_place_of_a_model_are_no_model(optional: bool, tmp_path: Path) -> None:
    message = with_files(backend.executor_input(), tmp_path)
    model = Path(message["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"])
    model.joinpath("file").unlink()
    model.rmdir()
    model.write_text("note: there is none")
    spec = json.loads(json.dumps(backend.INPUTS_SPEC))
    spec["artifacts"]["model"]["isOptional"] = optional
    ready = prepared(message, spec)
    executor_input.make_directories(ready)
    assert ("model" in ready["inputs"]["artifacts"]) != optional
    assert model.is_file() == optional
    assert optional or list(model.iterdir()) == []


def test_the_file_types_are_those_whose_class_writes_one_value() -> None:
    kinds = [*vars(standard_artifacts).values(), *system_types.SYSTEM_ARTIFACTS]
    values = [k for k in kinds if isinstance(k, type) and issubclass(k, standard_artifacts.ValueArtifact)]
    titles = {k.TYPE_NAME if "." in k.TYPE_NAME else f"tfx.{k.TYPE_NAME}" for k in values if k.TYPE_NAME}
    assert titles == messages.FILE_TITLES


def test_integers_and_texts_reach_the_executor_with_their_types(local_input: dict[str, Any]) -> None:
    proto = json_format.ParseDict(prepared(local_input), pipeline_spec_pb2.ExecutorInput())
    spec = json_format.ParseDict(backend.INPUTS_SPEC, pipeline_spec_pb2.ComponentInputsSpec())
    properties = kubeflow_v2_entrypoint_utils.parse_execution_properties(proto.inputs.parameter_values, {}, spec)
    assert SimpleNamespace(**properties) == SimpleNamespace(batch_size=64, example_splits='["eval"]', min_accuracy=0.85)
    assert isinstance(properties["batch_size"], int)


@pytest.mark.parametrize("bucket", ["data/run [1]", "data/sib?", "data/*/x", "data/a\\b"])
def test_a_pipeline_root_that_is_a_pattern_is_refused(bucket: str) -> None:
    line = (
        r"^pipeline root: the artifact \w+ at /s3/data/.*: has .*, by which TensorFlow and Apache Beam mean other files"
    )
    with pytest.raises(UserError, match=line):
        prepared(backend.executor_input("s3", bucket))


def test_properties_of_zero_and_of_no_text_are_read_as_they_were_written(local_input: dict[str, Any]) -> None:
    empty = {name: kind() for name, kind in HYPERPARAMETERS.items()}
    model = backend.changed(local_input, "inputs.artifacts.model.artifacts.0.metadata", dict(empty))
    counts = {"split_names": '["train", "eval"]', "data_source": "", "train_examples": 0, "eval_examples": 7}
    message = backend.changed(model, "inputs.artifacts.examples.artifacts.0.metadata", counts)
    as_doubles = json.loads(json.dumps(prepared(message)), parse_int=float)
    inputs = tfx_artifacts(as_doubles, "inputs")
    assert hyperparameters(inputs["model"]) == empty
    assert {type(value) for value in hyperparameters(inputs["model"]).values()} == {str, int, float}
    assert written_examples(inputs["examples"]) == {"train": 0, "eval": 7}
    assert dict(data_origin(inputs["examples"]))["train examples"] == "0"


def test_a_property_that_is_absent_is_not_one_of_zero(local_input: dict[str, Any]) -> None:
    inputs = tfx_artifacts(prepared(local_input), "inputs")
    assert hyperparameters(inputs["model"]) == {}
    assert written_examples(inputs["examples"]) == {}
