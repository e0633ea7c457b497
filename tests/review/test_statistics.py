"""The classes of a split are counted as NumPy counts its labels."""

import numpy as np

from tests.predictions import Predicted
from tfx_pipeline.review.content import Review


def test_each_class_is_counted(review: Review, predicted: Predicted) -> None:
    (evaluated,) = [split for split in review.statistics if split.name == "eval"]
    assert evaluated.class_counts == tuple(np.bincount(predicted.labels).tolist())
    assert evaluated.examples == 1000
    assert sum(next(split for split in review.statistics if split.name == "train").class_counts) == 1000
