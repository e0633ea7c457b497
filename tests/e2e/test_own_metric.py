"""A metric of one's own with thresholds takes one changed file, and is judged and shown wherever accuracy is."""

from pathlib import Path

import pytest
import yaml
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow import make_ndarray

from tests.small_run import QUICK, ROOT, Run, checkout, local_runner, runs

pytestmark = pytest.mark.e2e

CHANGES = {
    """METRICS: Final = (ACCURACY, LOSS)
""": """BALANCED_ACCURACY: Final = Metric(
    "balanced_accuracy",
    "balanced accuracy",
    lambda counts: (counts.confusion.diagonal() / counts.confusion.sum(axis=1)).mean(),
)

METRICS: Final = (ACCURACY, LOSS, BALANCED_ACCURACY)
""",
    """    @classmethod
    def thresholds""": """    min_balanced_accuracy: Annotated[Fraction, Threshold(BALANCED_ACCURACY)] = setting(
        flag=True, default=0.0, description="mean of the classes' accuracies that it must reach"
    )
    max_loss: Annotated[float, Threshold(LOSS)] = setting(
        flag=True, default=10.0, ge=0, description="cross-entropy that it must not exceed"
    )

    @classmethod
    def thresholds""",
}
"""What is changed in tfx_pipeline/config/evaluation.py."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout with the metric."""
    folder = checkout(tmp_path_factory.mktemp("changed"), (ROOT / "modules" / "dataset.py").read_text())
    file = folder / "tfx_pipeline" / "config" / "evaluation.py"
    text = file.read_text()
    for old, new in CHANGES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    file.write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(changed: Path) -> Run:
    """A run whose model misses both thresholds."""
    flags = (*QUICK, "--min-balanced-accuracy", "0.99", "--max-loss", "0.1")
    return local_runner(changed / "output", *flags, root=changed)


@pytest.fixture(scope="module")
def refusals(run: Run) -> list[str]:
    """Why the model must be refused."""
    metrics = run.manifest["metrics"]
    return [
        f"loss is {metrics['loss']:.4f}, at most 0.1000 is allowed",
        f"balanced accuracy is {metrics['balanced_accuracy']:.4f}, at least 0.9900 is required",
    ]


def test_it_is_measured_and_judged_and_the_refusal_names_it(run: Run, refusals: list[str]) -> None:
    manifest = run.manifest
    assert run.code == 0, run.console
    by_class = manifest["metrics"]["per_class_accuracy"].values()
    assert manifest["metrics"]["balanced_accuracy"] == pytest.approx(sum(by_class) / len(by_class), rel=1e-12)
    assert (manifest["blessed"], manifest["refusals"]) == (False, refusals)
    assert all(line in run.console for line in refusals)
    assert f", balanced accuracy {manifest['metrics']['balanced_accuracy']:.4f}" in run.console


def test_the_report_and_the_model_card_show_it(run: Run, refusals: list[str]) -> None:
    page = (run.output / "report" / "index.html").read_text()
    value = f"{run.manifest['metrics']['balanced_accuracy']:.4f}"
    assert all(f"<li>{line}</li>" in page for line in refusals)
    assert f"<dt>balanced accuracy</dt><dd>{value}" in page
    row = f'<td class="words">balanced accuracy</td><td class="missed">✗ missed</td><td>{value}</td><td>≥ 0.9900</td>'
    assert row in page
    assert "<td>≤ 0.1000</td>" in page
    assert f"| balanced accuracy | {value} |" in (run.artifact("evaluator", "evaluation") / "MODEL_CARD.md").read_text()


def test_tensorboard_shows_it(run: Run) -> None:
    logs = run.output / "tensorboard" / run.manifest["run_id"]
    events = EventAccumulator(str(logs), size_guidance={"tensors": 0}).Reload()
    (event,) = events.Tensors("evaluation/balanced accuracy")
    metrics = run.manifest["metrics"]
    assert make_ndarray(event.tensor_proto) == pytest.approx(metrics["balanced_accuracy"])
    (event,) = events.Tensors("2_thresholds")
    table = make_ndarray(event.tensor_proto).item().decode()
    assert f"| all examples | balanced accuracy | {metrics['balanced_accuracy']:.4f} |  | ≥ 0.9900 | MISSED |" in table
    assert f"| all examples | loss | {metrics['loss']:.4f} |  | ≤ 0.1000 | MISSED |" in table


def test_kubeflows_page_shows_it_and_asks_for_its_threshold(run: Run, changed: Path, refusals: list[str]) -> None:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(run.output / "metadata.db")
    store = MetadataStore(config)
    (metrics,) = store.get_artifacts_by_type("system.Metrics")
    value = metrics.custom_properties["balanced_accuracy"].double_value
    assert value == pytest.approx(run.manifest["metrics"]["balanced_accuracy"], abs=1e-6)
    (summary,) = store.get_artifacts_by_type("system.Markdown")
    assert all(f"- {line}\n" in Path(summary.uri).read_text() for line in refusals)
    (changed / "kubeflow_runner.py").write_bytes((ROOT / "kubeflow_runner.py").read_bytes())
    command = ("kubeflow_runner.py", "--output", "package.yaml", "--min-balanced-accuracy", "0.25")
    process = runs().start_program(*command, folder=changed)
    assert process.wait() == 0, process.console
    package = next(yaml.safe_load_all((changed / "package.yaml").read_text()))
    parameters = package["root"]["inputDefinitions"]["parameters"]
    assert parameters["min_balanced_accuracy"]["defaultValue"] == 0.25
    assert parameters["max_loss"]["defaultValue"] == 10
