"""What a Beam step and its workers have on a claim that both mount, what comes back, and what never stays there."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.replay.pod import has_namespaces
from tests.kubeflow.step.test_entrypoint import ROOT, message_for, output_of, spec_for
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.kubeflow.step.executor_input import make_directories
from tfx_pipeline.kubeflow.step.messages import Message
from tfx_pipeline.kubeflow.step.shared_claim import MOUNT_VARIABLE, SharedClaim, sweep
from tfx_pipeline.kubeflow.step.supervisor import WAITS
from tfx_pipeline.process.errors import UserError

KEY = "model_blessing"

STEP = """
import json, os, pathlib, signal, sys, time
from tfx.dsl.components.base import base_beam_executor, base_executor
class Step:
    def Do(self, inputs, outputs, parameters):
        model, schema = inputs["model_blessing"][0].uri, outputs["schema"][0].uri
        pathlib.Path(schema, "schema.pbtxt").write_text(pathlib.Path(model, "weights").read_text())
        outputs["schema"][0].set_string_custom_property("of", model)
        cache = os.environ.get("XDG_CACHE_HOME", "")
        print(json.dumps({"model": model, "schema": schema, "tmp": self._get_tmp_dir(), "cache": cache}), flush=True)
        BODY
class Beam(Step, base_beam_executor.BaseBeamExecutor): pass
class Plain(Step, base_executor.BaseExecutor): pass
"""


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    place = tmp_path / "claim"
    place.mkdir()
    return place


@pytest.fixture
def step(tmp_path: Path, mount: Path) -> Callable[..., "tuple[dict[str, Any], subprocess.Popen[str]]"]:
    """Starts the container's command with a step that copies `weights` of its model; returns its message, too."""

    def start(body: str = "", kind: str = "Beam", **env: str) -> "tuple[dict[str, Any], subprocess.Popen[str]]":
        (tmp_path / "own.py").write_text(STEP.replace("BODY", body))
        message = message_for(tmp_path, {KEY: {}}, ["schema"])
        (tmp_path / "in" / KEY).mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / KEY / "weights").write_text("weights")
        arguments = [
            *("--executor_class_path", f"own.{kind}"),
            *("--json_serialized_invocation_args", json.dumps(message)),
            *("--json_serialized_inputs_spec_args", json.dumps(spec_for(message))),
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", MOUNT_VARIABLE: str(mount), **env}
        process = subprocess.Popen(
            [sys.executable, *entrypoint.COMMAND[1:3], *arguments],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        return message, process

    return start


def finished(process: "subprocess.Popen[str]") -> tuple[int, list[dict[str, str]], str]:
    """The exit code, what each attempt was given, and the last line of the log."""
    out, err = process.communicate(timeout=120)
    given = [json.loads(line) for line in out.splitlines() if line.startswith('{"model"')]
    return process.returncode, given, err.rstrip("\n").split("\n")[-1]


def test_a_beam_step_reads_writes_and_keeps_its_temporary_files_on_the_claim(
    step: Callable[..., Any], mount: Path, tmp_path: Path
) -> None:
    message, process = step()
    code, given, last = finished(process)
    assert code == 0, last
    (given,) = given
    assert {Path(path).relative_to(mount).parts[0] for path in given.values()} == {
        Path(given["model"]).relative_to(mount).parts[0]
    }
    assert (tmp_path / "out/schema/schema.pbtxt").read_text() == "weights"
    written = output_of(message)["artifacts"]["schema"]["artifacts"][0]
    assert written["uri"] == message["outputs"]["artifacts"]["schema"]["artifacts"][0]["uri"]
    assert written["metadata"]["of"] == message["inputs"]["artifacts"][KEY]["artifacts"][0]["uri"]
    assert list(mount.iterdir()) == []


def test_a_step_without_beam_stays_in_its_pod(step: Callable[..., Any], mount: Path, tmp_path: Path) -> None:
    _, process = step(kind="Plain")
    code, (given,), last = finished(process)
    assert code == 0, last
    assert not any(path.startswith(str(mount)) for path in given.values())
    assert (tmp_path / "out/schema/schema.pbtxt").is_file()


def test_an_attempt_that_was_killed_leaves_nothing_to_the_next(step: Callable[..., Any], mount: Path) -> None:
    once = "mark = pathlib.Path(os.environ['MARK'])\n        first = not mark.exists(); mark.touch()\n"
    once += "        if first: os.kill(os.getpid(), signal.SIGKILL)"
    _, process = step(once, MARK=str(mount.parent / "mark"), **{WAITS: "0"})
    code, given, last = finished(process)
    assert code == 0, last
    assert len(given) == 2
    assert list(mount.iterdir()) == []


def test_a_step_that_is_asked_to_end_can_cancel_its_job_and_leaves_nothing(
    step: Callable[..., Any], mount: Path
) -> None:
    waits = "try: print('waits', flush=True); time.sleep(100)\n"
    waits += "        except BaseException: (pathlib.Path(os.environ['MARK'])).touch(); raise"
    _, process = step(waits, MARK=str(mount.parent / "cancelled"))
    # Not before: a signal between two of its statements would end it before it can cancel anything.
    assert "waits\n" in process.stdout
    assert len(list(mount.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert finished(process)[0] == 128 + signal.SIGTERM
    assert (mount.parent / "cancelled").exists()
    assert list(mount.iterdir()) == []


def prepared_for(root: Path) -> Message:
    """A prepared message of a step whose input has a file."""
    message = message_for(root, {KEY: {}}, ["schema"])
    message["outputs"]["artifacts"].pop("executor-logs")
    make_directories(message)
    (root / "in" / KEY / "weights").write_text("weights")
    return message


def writes(message: Message) -> Message:
    """A step that writes a file and notes its place."""
    (artifact,) = message["outputs"]["artifacts"]["schema"]["artifacts"]
    Path(artifact["uri"], "schema.pbtxt").write_text("schema")
    return {"artifacts": {"schema": {"artifacts": [{**artifact, "metadata": {"at": f"{artifact['uri']}/x"}}]}}}


def test_what_a_member_made_is_read_where_it_lies_by_the_next(mount: Path, tmp_path: Path) -> None:
    claim, first = SharedClaim(str(mount)), prepared_for(tmp_path)
    claim.run(first, writes)
    made = first["outputs"]["artifacts"]["schema"]
    second = message_for(tmp_path, {}, ["evaluation"])
    second["inputs"]["artifacts"] = {"schema": made, KEY: first["inputs"]["artifacts"][KEY]}
    inodes = {file.stat().st_ino for file in claim.folder.rglob("*") if file.is_file()}

    def reads(message: Message) -> Message:
        given = [Path(value["artifacts"][0]["uri"]) for value in message["inputs"]["artifacts"].values()]
        assert {file.stat().st_ino for folder in given for file in folder.iterdir()} == inodes
        return {"artifacts": {}}

    claim.run(second, reads)


def test_paths_that_a_step_notes_are_those_that_the_launcher_knows(mount: Path, tmp_path: Path) -> None:
    output = SharedClaim(str(mount)).run(prepared_for(tmp_path), writes)
    (artifact,) = output["artifacts"]["schema"]["artifacts"]
    assert artifact["metadata"] == {"at": f"{tmp_path}/out/schema/x"}
    assert (tmp_path / "out/schema/schema.pbtxt").read_text() == "schema"


def test_two_attempts_at_once_do_not_meet(mount: Path, tmp_path: Path) -> None:
    one, other, prepared = SharedClaim(str(mount)), SharedClaim(str(mount)), prepared_for(tmp_path)

    def meets(message: Message) -> Message:
        other.run(prepared, writes)
        other.remove()
        return writes(message)

    one.run(prepared, meets)
    assert list(mount.iterdir()) == [one.folder]


def test_a_step_that_fails_gives_back_nothing(mount: Path, tmp_path: Path) -> None:
    def fails(message: Message) -> Message:
        writes(message)
        raise ValueError("no")

    claim = SharedClaim(str(mount))
    with pytest.raises(ValueError, match="no"):
        claim.run(prepared_for(tmp_path), fails)
    assert list((tmp_path / "out/schema").iterdir()) == []
    claim.remove()
    assert list(mount.iterdir()) == []


def test_only_folders_that_nobody_has_touched_for_a_quarter_of_an_hour_are_swept(mount: Path) -> None:
    now = time.time()
    ages = {"a": 16 * 60, "b": 14 * 60}
    folders = {name: mount / f"tfx-beam-pod-{name * 32}" for name in ages}
    strangers = mount / "tfx-beam-models"
    for folder in (*folders.values(), strangers):
        (folder / "inside").mkdir(parents=True)
    for name, age in {**ages, "strangers": 10**6}.items():
        folder = folders.get(name, strangers)
        os.utime(folder, (now - age, now - age))
    sweep(mount, now)
    assert sorted(mount.iterdir()) == sorted([folders["b"], strangers])


def test_a_step_sweeps_what_a_killed_one_left(mount: Path, tmp_path: Path) -> None:
    left = mount / f"tfx-beam-pod-{'0' * 32}"
    left.mkdir()
    os.utime(left, (0, 0))
    claim = SharedClaim(str(mount))
    claim.run(prepared_for(tmp_path), writes)
    assert list(mount.iterdir()) == [claim.folder]


def test_a_claim_that_is_not_mounted_is_one_line(mount: Path, tmp_path: Path) -> None:
    mount.rmdir()
    with pytest.raises(UserError, match=rf"^{mount}: is no folder in this pod, .*--beam-pvc"):
        SharedClaim(str(mount)).run(prepared_for(tmp_path), writes)


@pytest.mark.parametrize(
    ("options", "expected"), [("size=64k", "is full"), ("ro", "cannot be written by the user 0 .*Read-only")]
)
def test_a_full_or_read_only_claim_is_one_line(options: str, expected: str, mount: Path, tmp_path: Path) -> None:
    assert has_namespaces(), "expected a machine on which a process may mount a file system of its own"
    prepared = prepared_for(tmp_path)
    (tmp_path / "in" / KEY / "weights").write_bytes(bytes(1 << 20))
    code = "import json, sys\nfrom tfx_pipeline.kubeflow.step.shared_claim import SharedClaim\n"
    code += "SharedClaim(sys.argv[1]).run(json.loads(sys.argv[2]), lambda message: message)"
    command = [sys.executable, "-c", code, str(mount), json.dumps(prepared)]
    enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    enter.append(f'mount -t tmpfs -o {options} claim {mount}; exec "$0" "$@"')
    done = subprocess.run([*enter, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1].partition("UserError: ")[2]
    assert re.fullmatch(rf"{mount}: the claim of --beam-pvc {expected}.*", last), done.stderr


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda path: FileNotFoundError(2, "No such file or directory", path), "do not see"),
        (lambda path: RuntimeError(f"of a worker: NotFoundError: {path}; No such file or directory"), "do not see"),
        (lambda path: RuntimeError(f"of a worker: [Errno 13] Permission denied: '{path}'"), "may not use"),
    ],
)
def test_workers_that_do_not_have_the_claim_are_one_line(
    error: Callable[[str], Exception], expected: str, mount: Path, tmp_path: Path
) -> None:
    def fails(message: Message) -> Message:
        raise error(message["outputs"]["artifacts"]["schema"]["artifacts"][0]["uri"] + "/shard")

    with pytest.raises(UserError, match=f"^{mount}: Beam's workers {expected} what this step has there; "):
        SharedClaim(str(mount)).run(prepared_for(tmp_path), fails)
