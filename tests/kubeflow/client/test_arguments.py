"""Values for a run: of the parameter's type and within its limits, before anything is sent."""

import pytest

from tests.kubeflow.conftest import Documents
from tfx_pipeline.config import renamed
from tfx_pipeline.config.flags import settings
from tfx_pipeline.kubeflow.client.arguments import parse_arguments
from tfx_pipeline.process.errors import UserError


def test_values_have_the_type_of_their_parameter(package: Documents) -> None:
    texts = ["epochs=3", "learning_rate=1e-2", "model_name=cnn", "data_version=2026-01", "serving_dir=s3://b/x=y"]
    assert parse_arguments(texts, package.parameters) == {
        "epochs": 3,
        "learning_rate": 0.01,
        "model_name": "cnn",
        "data_version": "2026-01",
        "serving_dir": "s3://b/x=y",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs", "--param epochs: expected NAME=VALUE"),
        ("epoch=3", "--param epoch=3: the pipeline has no parameter epoch, did you mean epochs?"),
        ("zzz=3", "--param zzz=3: the pipeline has no parameter zzz, expected one of baseline, "),
        ("epochs=ten", "--param epochs=ten: got 'ten', expected a valid integer"),
        ("epochs=0", "--param epochs=0: got '0', expected greater than or equal to 1"),
        ("model_name=resnet", "--param model_name=resnet: got 'resnet', expected one of cnn, dense"),
        ("serving_dir=", "--param serving_dir=: got '', expected a path, s3://, gs:// or minio://, the path from / on"),
        (
            "serving_dir=serving",
            "--param serving_dir=serving: got 'serving', expected a path, s3://, gs:// or minio://",
        ),
        (
            "serving_dir=/serving/../x",
            "--param serving_dir=/serving/../x: got '/serving/../x', expected a place without ..",
        ),
        ("serving_dir=s3://", "--param serving_dir=s3://: got 's3://', names no bucket, expected s3://BUCKET/FOLDER"),
        ("min_accuracy=85", "--param min_accuracy=85: got '85', expected less than or equal to 1"),
    ],
)
def test_a_mistake_is_one_line(text: str, message: str, package: Documents) -> None:
    with pytest.raises(UserError) as error:
        parse_arguments([text], package.parameters)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_every_run_parameter_is_called_as_its_setting(package: Documents) -> None:
    assert package.parameters.keys() <= {setting.name for setting in settings()}


def test_an_old_run_parameter_works_with_a_line(package: Documents, capsys: pytest.CaptureFixture[str]) -> None:
    renamed.tell.cache_clear()
    given = parse_arguments(["model=cnn", "held_back=0.5"], package.parameters)
    assert given == {"model_name": "cnn", "validation_fraction": 0.5}
    assert [line.split(" now")[0] for line in capsys.readouterr().err.splitlines()] == [
        "warning: run parameter model is model_name",
        "warning: run parameter held_back is validation_fraction",
    ]
