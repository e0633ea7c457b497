"""A server on loopback with a recorded run, and all that the run left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kubeflow.api_server import State
from tests.kubeflow.page import Page
from tests.kubeflow.recorded import recorded
from tests.kubeflow.replay.metadata import Metadata
from tests.kubeflow.replay.objects import ObjectStore
from tests.object_stores import BUCKET
from tfx_pipeline.record.seal import PROPERTY
from tfx_pipeline.review.report_writer import embedded

RUN = "f5e1e27f-5a2a-4472-8a29-1b1c8b9f83df"
OTHER = "11111111-5a2a-4472-8a29-1b1c8b9f83df"
NAME = "20261125-021234-kubeflow-f5e1e27f"
ROOT = f"minio://{BUCKET}/v2/artifacts/fashion-mnist"

DIGEST = {
    "blessed": True,
    "headline": "Blessed: this model passed every threshold",
    "reasons": [],
    "baseline": 3,
    "overall": {"accuracy": 0.875, "loss": 0.25, "examples": 10000, "calibration_error": 0.01},
    "classes": [{"name": "Shirt", "recall": 0.5, "examples": 1000}, {"name": "Bag", "recall": None, "examples": 0}],
    "hyperparameters": {"model_name": "dense", "epochs": 2},
    "data": {},
    "versions": {"python": "3.13.1", "tfx": "1.21.0"},
}
REPORT = (
    "<!doctype html><!-- slot:links --><!-- slot:run --><!-- slot:timings --><!-- slot:runs -->"
    f'<script type="application/json" id="review">{embedded(DIGEST)}</script>'
)
GATE = {"mode": "stop", "ok": True, "anomalies": 0, "headline": "12 of 12 checks passed", "checks": [{"ok": True}] * 12}
EVENTS = ("events.out.tfevents.1.pod.v2", "train/events.out.tfevents.2.pod.v2")


def sealed(*names: str) -> dict[str, str]:
    """The property by which a step names the files of an artifact."""
    return {PROPERTY: json.dumps({"step": "trainer", "files": {name: [1, 1, 1] for name in names}})}


Fetch = Callable[..., list[str]]
"""Fetches runs; returns the lines that a person sees."""


class Cluster:
    """A server with runs, their metadata and their objects."""

    def __init__(self, host: str, state: State, folder: Path, spec: dict[str, Any]) -> None:
        self.host, self.state = host, state
        self.metadata, self.store = Metadata(), ObjectStore(folder)
        self.page = state.page = Page(self.metadata, self.store)
        self._spec = {"pipeline_spec": spec}

    def add(self, run_id: str, name: str, created_at: str | None = None, **run: Any) -> None:
        """Adds a recorded run, as the API tells it."""
        answer = {**recorded(name), "pipeline_spec": self._spec, **run}
        answer |= {"created_at": created_at} if created_at else {}
        self.state.ended[run_id] = answer

    def record(self, run_id: str, step: str, state: str = "COMPLETE", **outputs: tuple[str, dict[str, Any]]) -> None:
        """Records a step with its outputs: type and properties by key."""
        ids = {}
        for key, (kind, properties) in outputs.items():
            artifact = {"uri": self.uri(run_id, step, key), "type": {"schemaTitle": kind}, "metadata": properties}
            ids[key] = self.metadata.record(key, artifact)
        self.metadata.end(self.metadata.begin(run_id, step), state, ids)

    def uri(self, run_id: str, step: str, key: str) -> str:
        return f"{ROOT}/{run_id}/{step}/try-1/{key}"

    def put(self, uri: str, content: str = "x") -> None:
        path = self.store.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def full(self, run_id: str = RUN, *, noted: bool = True, **run: Any) -> None:
        """Adds the recorded run that went through, with all that it left; older packages note no names of files."""
        self.add(run_id, "full", **run)
        examples = {"data_source": "tfds", "data_kind": "fashion-mnist", "data_digest": "5cf0", "train_examples": 60000}
        self.record(run_id, "example-gen", "CACHED", examples=("tfx.Examples", examples))
        self.record(run_id, "data-gate", report=("tfx.JsonValue", {}))
        events = ("tfx.ModelRun", sealed(*EVENTS) if noted else {})
        self.record(run_id, "trainer", model_run=events)
        review = {"tensorboard": events, "report": ("system.HTML", {})}
        self.record(run_id, "evaluation-review", **review)
        self.record(run_id, "pusher", pushed_model=("tfx.PushedModel", {"pushed_destination": "/serving/4"}))
        self.put(self.uri(run_id, "data-gate", "report"), json.dumps(GATE))
        self.put(self.uri(run_id, "evaluation-review", "report"), REPORT)
        for name in EVENTS:
            self.put(f"{self.uri(run_id, 'evaluation-review', 'tensorboard')}/{name}", name)
            self.put(f"{self.uri(run_id, 'trainer', 'model_run')}/{name}", "of the training")


def left(output: Path) -> list[str]:
    """What is in the output directory, but for its lock."""
    return sorted(
        str(path.relative_to(output)) for path in output.rglob("*") if path.is_file() and path.name != ".lock"
    )


WHOLE = sorted(
    [
        "report/compare.html", "report/index.html", f"report/{NAME}.html", f"runs/{NAME}/run.json",
        *(f"tensorboard/{NAME}/{name}" for name in EVENTS),
    ]
)  # fmt: skip
