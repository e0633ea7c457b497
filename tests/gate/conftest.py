"""The real images, all in memory."""

import numpy as np
import pytest

from tests.gate.samples import Sample, Samples, draw
from tfx_pipeline.data import idx, sources


@pytest.fixture(scope="session")
def whole(dataset: sources.VerifiedFiles) -> Samples:
    """The real splits."""
    return {
        split: Sample(
            idx.read_images(f"{dataset.path}/{files.images}", 0, dataset.counts[split]),
            idx.read_labels(f"{dataset.path}/{files.labels}", 0, dataset.counts[split]).astype(np.int64),
        )
        for split, files in sources.SPLIT_FILES.items()
    }


@pytest.fixture(scope="session")
def real(whole: Samples) -> Sample:
    """All real images."""
    return Sample(*(np.concatenate([getattr(s, name) for s in whole.values()]) for name in ("images", "labels")))


@pytest.fixture
def samples(real: Sample) -> Samples:
    """2,000 images for training and 1,000 for evaluation, for a test to alter."""
    return draw(real, 7, 2_000, 1_000)
