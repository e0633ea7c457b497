"""Members of a stage, one after the other in one process: what each is given, and what a failure leaves."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.step.test_entrypoint import PACKAGE, ROOT, message_for, metadata_of, output_of, serve_model
from tfx_pipeline.kubeflow import entrypoint
from tfx_pipeline.kubeflow.entrypoint import attempt
from tfx_pipeline.kubeflow.step import supervisor
from tfx_pipeline.kubeflow.step.messages import Message, write_message
from tfx_pipeline.kubeflow.step.stage import FOLDER, Member, Stage
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.schema_import import schema_digest

NOTHING: dict[str, Any] = {
    "executor_class_path": "", "inputs_spec": {}, "options": [], "inputs": {}, "made": {}, "outputs": {},
    "parameters": {}, "last": False,
}  # fmt: skip
LOCATOR = Member(
    **NOTHING
    | {
        "name": "baseline-locator", "executor_class_path": f"{PACKAGE}.baseline_locator.BaselineLocator_Executor",
        "outputs": {"baseline": "baseline"}, "parameters": {"serving_dir": "serving_dir"}, "last": True,
    }
)  # fmt: skip
SCHEMA = Member(
    **NOTHING
    | {
        "name": "schema-import", "executor_class_path": f"{PACKAGE}.schema_import.SchemaImport_Executor",
        "outputs": {"schema": "schema"}, "parameters": {"digest": "schema-digest"}, "last": True,
    }
)  # fmt: skip


def call(message: dict[str, Any], *members: Member, **env: str) -> "subprocess.CompletedProcess[str]":
    """Runs the container's command as the launcher does."""
    described = json.dumps([dataclasses.asdict(member) for member in members])
    arguments = ["--members", described, "--json_serialized_invocation_args", json.dumps(message)]
    command = [sys.executable, *entrypoint.COMMAND[1:], *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def message(root: Path, serving: str) -> dict[str, Any]:
    return message_for(root, {}, ["baseline", "schema"], **{"serving_dir": serving, "schema-digest": schema_digest()})


def test_each_members_outputs_are_outputs_of_the_stage(tmp_path: Path) -> None:
    serve_model(tmp_path / "serving")
    given = message(tmp_path, str(tmp_path / "serving"))
    done = call(given, LOCATOR, SCHEMA)
    assert done.returncode == 0, done.stderr
    assert metadata_of(given, "baseline") == {"version": 17, "source_uri": str(tmp_path / "serving" / "17")}
    assert set(output_of(given)["artifacts"]) == {"baseline", "schema"}
    assert (tmp_path / "out/schema/schema.pbtxt").is_file()
    begins = [line.split()[1] for line in done.stderr.splitlines() if line.endswith(" begins")]
    assert begins == ["baseline-locator", "schema-import"]


def test_a_member_that_fails_is_named_in_the_last_line_with_its_code(tmp_path: Path) -> None:
    given = message(tmp_path, "ftp://host/models")
    done = call(given, SCHEMA, LOCATOR)
    lines = done.stderr.rstrip("\n").split("\n")
    assert done.returncode == 1
    assert lines[-1].startswith("error: baseline-locator: ftp://host/models: models cannot be pushed there")
    assert any(line.endswith("schema-import begins") for line in lines)
    assert not any(line.startswith("Traceback") for line in lines)
    assert not Path(given["outputs"]["outputFile"]).exists()


def test_an_end_of_the_graph_runs_also_where_another_failed_which_the_last_line_names(tmp_path: Path) -> None:
    given = message(tmp_path, "ftp://host/models")
    done = call(given, LOCATOR, SCHEMA)
    assert done.returncode == 1
    assert done.stderr.rstrip("\n").split("\n")[-1].startswith("error: baseline-locator: ftp://host/models: ")
    assert (tmp_path / "out/schema/schema.pbtxt").is_file()
    assert not Path(given["outputs"]["outputFile"]).exists()


def test_what_another_run_left_in_the_same_place_is_not_taken_for_done(tmp_path: Path) -> None:
    serve_model(tmp_path / "serving")
    given = message(tmp_path, str(tmp_path / "serving"))
    stale = tmp_path / "out" / FOLDER / "baseline-locator" / "output_metadata.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    assert call(given, LOCATOR, SCHEMA).returncode == 0
    assert metadata_of(given, "baseline")["version"] == 17


def member(name: str, *, made: dict[str, str] | None = None, last: bool = False) -> Member:
    """A member with an output of its own name."""
    return Member(**NOTHING | {"name": name, "made": made or {}, "outputs": {"out": name}, "last": last})


class Members:
    """Members that write what they were given, or raise."""

    def __init__(self, root: Path, *members: Member, errors: dict[str, list[Exception]] | None = None) -> None:
        artifacts = {m.name: {"artifacts": [{"name": m.name, "uri": str(root / m.name)}]} for m in members}
        self.output_file = root / "output_metadata.json"
        given = {"outputs": {"artifacts": artifacts, "outputFile": str(self.output_file)}}
        self.stage = Stage(members, given, self._run)
        self.ran: list[str] = []
        self.given: dict[str, Message] = {}
        self._errors = errors or {}

    def _run(self, _: str, executor_input: Message, __: Message, ___: list[str]) -> None:
        ((key, value),) = executor_input["outputs"]["artifacts"].items()
        artifact = value["artifacts"][0]
        place = Path(artifact["uri"])
        self.ran.append(place.name)
        self.given[place.name] = executor_input["inputs"]["artifacts"]
        place.mkdir(exist_ok=True)
        (place / "half").touch()
        if self._errors.get(place.name):
            raise self._errors[place.name].pop(0)
        written = {"uri": artifact["uri"], "metadata": {"of": place.name}}
        output = {"artifacts": {key: {"artifacts": [written]}}}
        write_message(Path(executor_input["outputs"]["outputFile"]), output)


def test_what_a_member_made_reaches_the_next_as_the_backend_would_give_it_back(tmp_path: Path) -> None:
    members = Members(tmp_path, member("first"), member("second", made={"model": "first"}))
    assert members.stage.attempt(attempt) == []
    (artifact,) = members.given["second"]["model"]["artifacts"]
    assert artifact == {"uri": str(tmp_path / "first"), "metadata": {"of": "first"}}
    assert set(json.loads(members.output_file.read_text())["artifacts"]) == {"first", "second"}


def test_a_retry_repeats_the_member_that_failed_and_none_before_it(tmp_path: Path) -> None:
    passing = {"second": [ConnectionResetError("reset")]}
    members = Members(tmp_path, member("first"), member("second"), member("third"), errors=passing)
    (failure,) = members.stage.attempt(attempt)
    assert failure == ("second: ConnectionResetError: reset", True)
    assert members.stage.running() == "second"
    members.stage.clean()
    assert (tmp_path / "first" / "half").exists()
    assert not (tmp_path / "second").exists()
    assert members.stage.attempt(attempt) == []
    assert members.ran == ["first", "second", "second", "third"]
    assert set(json.loads(members.output_file.read_text())["artifacts"]) == {"first", "second", "third"}


def test_after_a_failure_only_ends_of_the_graph_run_that_do_not_need_it(tmp_path: Path) -> None:
    members = Members(
        tmp_path,
        member("gate"),
        member("prepares"),
        member("end", last=True),
        member("needs-it", made={"x": "gate"}, last=True),
        errors={"gate": [UserError("bad data")]},
    )
    assert members.stage.attempt(attempt) == [("gate: bad data", False)]
    assert members.ran == ["gate", "end"]
    assert not members.output_file.exists()


@pytest.mark.parametrize(
    ("second", "code"), [(UserError("no such place"), 1), (ConnectionResetError("reset"), supervisor.PASSING)]
)
def test_two_failures_are_both_named_and_repeated_where_both_may_pass(
    second: Exception, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = member("review", last=True), member("pusher", last=True)
    members = Members(tmp_path, *ends, errors={"review": [ConnectionResetError("reset")], "pusher": [second]})
    assert entrypoint._ended(lambda: members.stage.attempt(attempt)) == code
    last = capsys.readouterr().err.rstrip("\n").split("\n")[-1]
    assert last.startswith("error: review: ConnectionResetError: reset; pusher: ")
