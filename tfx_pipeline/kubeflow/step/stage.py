"""Runs the members of a stage: components that share a pod, one after the other in one process."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tfx_pipeline.kubeflow.step.executor_input import remove_outputs
from tfx_pipeline.kubeflow.step.messages import Message, artifacts_of, write_message

logger = logging.getLogger(__name__)

FOLDER: Final = ".members"
"""Where the members leave their output files: beside the stage's own, and like it in the pod alone."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A component of a stage, and how the stage's names become its own.

    Attributes:
        name: Its id in the pipeline.
        executor_class_path: Import path of its executor class.
        inputs_spec: Its ``ComponentInputsSpec``.
        options: Its options for Apache Beam.
        inputs: The stage's input by the key of an input.
        made: The stage's output by the key of an input that a member before it makes.
        outputs: The stage's output by the key of an output.
        parameters: The stage's parameter by the name of a parameter.
        last: Nothing in the pipeline needs it, so that it runs also where a member failed that it does not need.
    """

    name: str
    executor_class_path: str
    inputs_spec: Message
    options: list[str]
    inputs: dict[str, str]
    made: dict[str, str]
    outputs: dict[str, str]
    parameters: dict[str, str]
    last: bool


class Failure(NamedTuple):
    """Why a step failed, in a line, and whether it may succeed the next time."""

    line: str
    may_pass: bool


Try = Callable[[str, Callable[[], None]], Failure | None]
"""Calls a function for the step of this name, and catches what it raises."""


class Stage:
    """The members with what the launcher passed."""

    def __init__(
        self,
        members: Sequence[Member],
        executor_input: Message,
        run: Callable[[str, Message, Message, list[str]], None],
    ) -> None:
        """Makes a stage.

        Args:
            members: In their order.
            executor_input: The stage's ``ExecutorInput`` as the launcher passes it.
            run: Runs a component by its executor class, executor input, inputs' definition and options for Beam, and
                writes its output file.
        """
        self._members = members
        self._input = executor_input
        self._run = run
        self._output_file = Path(executor_input["outputs"]["outputFile"])
        self._folder = self._output_file.with_name(FOLDER)

    def forget(self) -> None:
        """Removes what another run of this stage left in the same place."""
        self._output_file.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def clean(self) -> None:
        """Removes what an attempt left of the members that did not finish."""
        for member in self._members:
            outputs = self._outputs(member)
            if not Path(outputs["outputFile"]).is_file():
                remove_outputs({"outputs": outputs})

    def running(self) -> str:
        """The member that began last."""
        folders = sorted(self._folder.glob("*/"), key=lambda folder: folder.stat().st_ctime_ns)
        return folders[-1].name if folders else "the step"

    def attempt(self, attempt: Try) -> list[Failure]:
        """Runs the members that did not finish in an attempt before, and writes the output file where none fails."""
        made: dict[str, Message] = {}
        failures: list[Failure] = []
        for member in self._members:
            if (failures and not member.last) or not made.keys() >= set(member.made.values()):
                continue
            failure = self._attempt(member, made, attempt)
            if failure:
                failures.append(failure)
            else:
                made |= self._made_by(member)
        if not failures:
            outputs = {key: {"artifacts": [artifact]} for key, artifact in made.items()}
            write_message(self._output_file, {"artifacts": outputs})
        return failures

    def _attempt(self, member: Member, made: Mapping[str, Message], attempt: Try) -> Failure | None:
        message = {"inputs": self._inputs(member, made), "outputs": self._outputs(member)}
        output_file = Path(message["outputs"]["outputFile"])
        if output_file.is_file():
            logger.info("%s is done already", member.name)
            return None
        logger.info("%s begins", member.name)
        output_file.parent.mkdir(parents=True, exist_ok=True)
        output_file.parent.touch()
        failure = attempt(
            member.name, lambda: self._run(member.executor_class_path, message, member.inputs_spec, member.options)
        )
        return failure and failure._replace(line=f"{member.name}: {failure.line.removeprefix(f'{member.name}: ')}")

    def _inputs(self, member: Member, made: Mapping[str, Message]) -> Message:
        """The member's inputs; those that the stage makes are as ML Metadata would give them back."""
        given, provisioned = self._input.get("inputs", {}), self._input["outputs"]["artifacts"]
        artifacts = {key: given["artifacts"][name] for key, name in member.inputs.items()}
        for key, name in member.made.items():
            (artifact,) = provisioned[name]["artifacts"]
            described = {field: value for field, value in artifact.items() if field not in ("name", "type")}
            artifacts[key] = {"artifacts": [{**described, **made[name]}]}
        values = given.get("parameterValues", {})
        parameters = {key: values[name] for key, name in member.parameters.items() if name in values}
        return {"artifacts": artifacts, "parameterValues": parameters}

    def _outputs(self, member: Member) -> Message:
        provisioned = self._input["outputs"]["artifacts"]
        return {
            "artifacts": {key: provisioned[name] for key, name in member.outputs.items()},
            "outputFile": str(self._folder / member.name / self._output_file.name),
        }

    def _made_by(self, member: Member) -> dict[str, Message]:
        """What a member that finished made, by the stage's output."""
        written = json.loads(Path(self._outputs(member)["outputFile"]).read_text(encoding="utf-8"))
        return {member.outputs[key]: artifact for key, artifact in artifacts_of(written)}
