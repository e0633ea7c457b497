"""What the evaluator found of the first run's model."""

import pytest

from tests.predictions import predicted  # noqa: F401 - a fixture
from tests.small_run import Run
from tfx_pipeline.evaluation.results import Evaluation, read_evaluation


@pytest.fixture(scope="session")
def evaluation(first_run: Run) -> Evaluation:
    """TFMA's output of the first run."""
    return read_evaluation(str(first_run.artifact("evaluator", "evaluation")))
