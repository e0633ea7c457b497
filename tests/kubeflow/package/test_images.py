"""The images of a package: which may hold other content tomorrow."""

import pytest

from tests.kubeflow.conftest import read_config
from tfx_pipeline.kubeflow.package.images import image_warnings, images, is_floating
from tfx_pipeline.process.errors import UserError

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("image", "floating"),
    [
        ("fashion", True),
        ("localhost:5000/fashion", True),
        ("localhost:5000/fashion:latest", True),
        ("localhost:5000/fashion:1.0", False),
        (f"fashion@{DIGEST}", False),
    ],
)
def test_a_tag_that_may_move_is_told_from_one_that_stays(image: str, floating: bool) -> None:
    assert is_floating(image) == floating


@pytest.mark.parametrize("name", ["localhost:5000/fashion", "localhost:5000/fashion:1.0"])
def test_a_digest_is_preferred_to_a_tag_and_warned_about_by_nobody(name: str) -> None:
    config = read_config("--image", f"{name}@{DIGEST}").kubeflow
    assert config.image == f"localhost:5000/fashion@{DIGEST}"
    assert image_warnings(config) == []


def test_the_image_of_one_step_is_warned_about_too() -> None:
    config = read_config(
        "--image", f"fashion@{DIGEST}", "--set", "kubeflow.steps.trainer.image=fashion-gpu:latest"
    ).kubeflow
    assert images(config) == [f"fashion@{DIGEST}", "fashion-gpu:latest"]
    assert [warning.partition(": ")[0] for warning in image_warnings(config)] == ["image fashion-gpu:latest"]


@pytest.mark.parametrize("wrong", ["fashion@sha256:0123", "fashion@", "fashion@md5:0123", f"fashion@{DIGEST}:1.0"])
def test_what_is_no_digest_is_refused(wrong: str) -> None:
    with pytest.raises(UserError, match="64 hex digits"):
        read_config("--image", wrong)
