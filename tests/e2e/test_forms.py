"""The same images in two forms, one after the other in the same output directory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Split
from tests.data.forms.test_npz import keras_arrays
from tests.e2e.test_local_run import ALWAYS_RUN
from tests.small_run import QUICK, local_runner
from tfx_pipeline.data.origin import origins

pytestmark = pytest.mark.e2e


def test_what_was_made_from_one_form_leads_to_its_files_and_so_is_made_anew_for_another(
    idx_folder: Callable[..., Path], tmp_path: Path
) -> None:
    splits: dict[str, Split] = {}
    folder = idx_folder(train=1_000, eval=1_000, alter=splits.update)
    np.savez(tmp_path / "fashion.npz", **keras_arrays(splits))
    first = local_runner(tmp_path / "output", "--data-dir", str(folder), *QUICK)
    again = local_runner(tmp_path / "output", "--data-dir", str(tmp_path / "fashion.npz"), *QUICK)
    assert (first.code, again.code) == (0, 0)
    assert f"data: .npz files in {tmp_path} (custom data), 1,000 train + 1,000 eval images" in again.console
    assert again.states()["example-gen"] == "succeeded"
    assert origins(str(again.artifact("example-gen", "examples")), "eval", [7]) == ["fashion.npz x_test index 7"]
    assert again.manifest["metrics"]["accuracy"] == first.manifest["metrics"]["accuracy"]
    same = local_runner(tmp_path / "output", "--data-dir", str(tmp_path / "fashion.npz"), *QUICK)
    assert {name for name, state in same.states().items() if state == "succeeded"} <= ALWAYS_RUN
