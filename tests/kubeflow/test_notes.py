"""What is said with a package: the image, the place of the models, and what a package cannot hold."""

import pytest

from tests.kubeflow.conftest import read_config
from tfx_pipeline.kubeflow.notes import is_floating, notes


@pytest.mark.parametrize(
    ("image", "floating"),
    [
        ("fashion", True),
        ("localhost:5000/fashion", True),
        ("localhost:5000/fashion:latest", True),
        ("localhost:5000/fashion:1.0", False),
        ("fashion@sha256:0123", False),
    ],
)
def test_a_tag_that_may_move_is_told_from_one_that_stays(image: str, floating: bool) -> None:
    assert is_floating(image) == floating


def test_a_person_is_told_of_the_image_and_where_models_go() -> None:
    assert notes(read_config().kubeflow) == [
        "image tfx-fashion-mnist:0.1.0: the cluster's nodes must have it, or be able to fetch it",
        "models go to minio://mlpipeline/shared/fashion-mnist/serving",
    ]


def test_a_person_is_told_what_is_left_to_do_by_hand() -> None:
    said = notes(read_config("--image", "fashion:latest", "--service-account", "trainers").kubeflow)
    assert "its tag may move" in said[1]
    assert said[-1] == "service account trainers: choose it with each run; a package cannot hold it"
