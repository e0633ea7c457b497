"""The exit step's command: what it finds out of a run, in ML Metadata's own server, and that it never fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.replay.metadata import Metadata
from tests.webhook import Webhook
from tfx_pipeline.kubeflow import notifier

STEPS = ("data-gate", "trainer", "evaluator", "evaluation-review", "pusher")
BLESSING = {"uri": "minio://b/blessing", "type": {"schemaTitle": "tfx.ModelBlessing"}}
MODEL = {"uri": "minio://b/model", "type": {"schemaTitle": "tfx.Model"}, "metadata": {"blessed": 1, "accuracy": 1}}
METRICS = {"uri": "minio://b/metrics", "type": {"schemaTitle": "system.Metrics"}, "metadata": {"accuracy": 0.875}}

Call = Callable[..., str]


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    store = Metadata()
    with store.served() as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield store


@pytest.fixture
def post(hook: Webhook, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs the command as the launcher does; returns what was posted."""
    (tmp_path / "url").write_text(hook.url)

    def post_it(final: str = "COMPLETE") -> dict[str, Any]:
        assert notifier.main([executor_input(tmp_path, final), "--kfp_compat", "x"]) == 0
        return hook.posted[-1]

    return post_it


def executor_input(secret_dir: Path, final: str) -> str:
    values = {
        "run": "0f-1",
        "name": "a run",
        "steps": json.dumps(STEPS),
        "secret": "hook",
        "secret_dir": str(secret_dir),
        "status": {"state": final, "pipelineTaskName": "exit-handler", "error": {}},
    }
    return json.dumps({"inputs": {"parameterValues": values}, "outputs": {"outputFile": "/none"}})


def record(metadata: Metadata, states: dict[str, str], blessed: int = 1) -> None:
    metadata.begin("0f-1", "exit-handler", "system.DAGExecution")
    for step, state in states.items():
        outputs = {"model": metadata.record("model", MODEL)} if step == "data-gate" else {}
        if step == "evaluator" and state != "FAILED":
            outputs = {"blessing": metadata.record("blessing", {**BLESSING, "metadata": {"blessed": blessed}})}
        if step == "evaluation-review" and state != "FAILED":
            outputs = {"metrics": metadata.record("metrics", METRICS)}
        metadata.end(metadata.begin("0f-1", step), state, outputs)


@pytest.mark.parametrize(("blessed", "verdict"), [(1, "blessed"), (0, "refused")])
def test_a_run_that_succeeded_has_verdict_and_accuracy(
    blessed: int, verdict: str, metadata: Metadata, post: Callable[..., dict[str, Any]]
) -> None:
    record(metadata, dict.fromkeys(STEPS, "COMPLETE") | {"trainer": "CACHED"}, blessed)
    posted = post()
    assert {key: posted[key] for key in ("run", "name", "state", "failed_step", "verdict", "accuracy")} == {
        "run": "0f-1", "name": "a run", "state": "succeeded", "failed_step": None, "verdict": verdict,
        "accuracy": 0.875,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("states", "failed", "verdict"),
    [
        ({"data-gate": "FAILED"}, "data-gate", None),
        ({"data-gate": "COMPLETE", "trainer": "RUNNING"}, "trainer", None),
        ({"data-gate": "COMPLETE"}, None, None),
        ({**dict.fromkeys(STEPS, "COMPLETE"), "evaluation-review": "FAILED"}, "evaluation-review", "blessed"),
        ({**dict.fromkeys(STEPS, "COMPLETE"), "pusher": "FAILED"}, "pusher", "blessed"),
    ],
)
def test_a_run_that_failed_names_the_step(
    states: dict[str, str],
    failed: str | None,
    verdict: str | None,
    metadata: Metadata,
    post: Callable[..., dict[str, Any]],
) -> None:
    record(metadata, states)
    posted = post("FAILED")
    assert (posted["state"], posted["failed_step"], posted["verdict"]) == ("failed", failed, verdict)


def test_the_last_attempt_of_a_step_counts(metadata: Metadata, post: Callable[..., dict[str, Any]]) -> None:
    record(metadata, {"trainer": "FAILED"})
    record(metadata, dict.fromkeys(STEPS, "COMPLETE"))
    assert post()["state"] == "succeeded"


def test_many_steps_are_read_page_by_page(
    metadata: Metadata, post: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfx_pipeline.kubeflow.run_metadata._PAGE", 2)
    record(metadata, {**dict.fromkeys(STEPS, "COMPLETE"), "pusher": "FAILED"})
    assert post("FAILED")["failed_step"] == "pusher"


@pytest.mark.parametrize(("final", "state"), [("COMPLETE", "succeeded"), ("FAILED", "failed"), ("RUNNING", "failed")])
def test_without_ml_metadata_kubeflows_word_counts(
    final: str, state: str, post: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METADATA_GRPC_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("METADATA_GRPC_SERVICE_PORT", "1")
    posted = post(final)
    assert (posted["state"], posted["failed_step"], posted["verdict"], posted["accuracy"]) == (state, None, None, None)


def test_an_unknown_run_is_told_by_kubeflows_word(metadata: Metadata, post: Callable[..., dict[str, Any]]) -> None:
    assert post("FAILED")["state"] == "failed"


@pytest.mark.parametrize("arguments", [["{}"], ["no JSON"], ['{"inputs": {"parameterValues": {"run": 1}}}']])
def test_whatever_it_is_given_it_does_not_fail(arguments: list[str]) -> None:
    assert notifier.main(arguments) == 0


def test_a_webhook_that_hangs_does_not_keep_the_pod(hook: Webhook, metadata: Metadata, tmp_path: Path) -> None:
    hook.silence.clear()
    (tmp_path / "url").write_text(hook.url)
    code = "import sys; from tfx_pipeline.steps import webhook as n; n._PATIENCE = 0.5; "
    code += "from tfx_pipeline.kubeflow import notifier; sys.exit(notifier.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, executor_input(tmp_path, "COMPLETE")]
    done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "not sent" in done.stderr
    assert "SECRET" not in done.stderr


def test_it_starts_without_tensorflow() -> None:
    code = "import sys, tfx_pipeline.kubeflow.notifier\n"
    code += "print({'tensorflow', 'tfx', 'apache_beam', 'kfp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
