"""What lies in serving/, or would be pushed there, and is no good model: said in a line, with a way on."""

import os
import shutil
from pathlib import Path

import pytest

from tests.saved_model import export_classifier
from tests.small_run import QUICK, ROOT, Run, checkout, local_runner

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving") / "output"


@pytest.fixture(scope="module")
def spoilt(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose exported model, unlike the trained one, answers NaN, in an output directory with a good model."""
    # A person may well name a folder by the one above the current one.
    assert local_runner(Path(os.path.relpath(output, ROOT)), *QUICK).code == 0
    copy = checkout(tmp_path_factory.mktemp("checkout"), (ROOT / "modules" / "dataset.py").read_text())
    serving = copy / "modules" / "serving.py"
    answers = "logits = self._network(tf.reshape(pixels, [count, *DATASET.image_shape]))"
    assert answers in serving.read_text()
    serving.write_text(serving.read_text().replace(answers, f"{answers} * float('nan')"))
    return local_runner(output, *QUICK, root=copy)


def test_a_model_whose_answers_are_not_numbers_is_refused_like_any_other(spoilt: Run) -> None:
    assert spoilt.code == 0, spoilt.console
    manifest = spoilt.manifest
    assert (manifest["status"], manifest["blessed"], manifest["pushed"]) == ("succeeded", False, None)
    assert "outputs for 1,000 of 1,000 images are not finite numbers (NaN or infinity)" in manifest["refusals"]
    assert manifest["metrics"]["loss"] is None
    assert "REFUSED, not pushed (compared with version " in spoilt.console
    assert "outputs for 1,000 of 1,000 images are not finite numbers" in spoilt.console
    assert len(list((spoilt.output / "serving").iterdir())) == 1
    assert "are not finite numbers" in (spoilt.output / "report" / "index.html").read_text()


def test_an_unfit_newest_version_ends_a_run_before_the_training_and_baseline_goes_on(
    spoilt: Run, tmp_path: Path
) -> None:
    serving = spoilt.output / "serving"
    (good,) = serving.iterdir()
    shutil.copytree(export_classifier(tmp_path / "foreign", weight=float("nan")), serving / "99999999999")
    (serving / "99999999999" / "saved_model.pb").write_bytes(b"")
    stopped = local_runner(spoilt.output, *QUICK, "--epochs", "1")
    assert stopped.code == 1
    assert stopped.states()["trainer"] == "not run"
    (line,) = [line for line in stopped.console.splitlines() if line.startswith("error: ")]
    assert line == (
        f"error: {serving}/99999999999: no model of this pipeline's to compare with: its saved_model.pb is empty; move "
        f"it away, or give --baseline {good.name} or none (on Kubeflow the run parameter baseline)"
    )
    other = local_runner(
        spoilt.output, *QUICK, "--epochs", "1", "--set", "evaluation.max_accuracy_drop=1", "--baseline", good.name
    )
    assert (other.code, other.manifest["baseline"]) == (0, int(good.name)), other.console
    none = local_runner(spoilt.output, *QUICK, "--no-cache", "--baseline", "none")
    assert (none.code, none.manifest["baseline"]) == (0, None), none.console
    assert none.manifest["config"]["serving"]["baseline"] == "none"
    assert "blessed (compared with no pushed model, as --baseline none asks)" in none.console
    assert (
        "It was compared with no pushed model, as --baseline none asks."
        in (spoilt.output / "report" / "index.html").read_text()
    )
    assert int(Path(none.manifest["pushed"]).name) > 99999999999
