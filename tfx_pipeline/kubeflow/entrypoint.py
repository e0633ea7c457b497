"""The command of every step's container: ``python3 -m tfx_pipeline.kubeflow.entrypoint``.

The launcher of open-source Kubeflow Pipelines and TFX's own entrypoint do not understand each other; this translates
between them. It reads the launcher's message, has the step run, and writes the message that the launcher takes.
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tfx_pipeline.kubeflow.step import step_log, supervisor
from tfx_pipeline.kubeflow.step.executor_input import make_directories, prepare, remove_outputs
from tfx_pipeline.kubeflow.step.executor_output import finish, write_properties
from tfx_pipeline.kubeflow.step.light_steps import run_step, step_of
from tfx_pipeline.kubeflow.step.messages import Message, write_message
from tfx_pipeline.kubeflow.step.modules_checkout import import_modules_from_checkout
from tfx_pipeline.kubeflow.step.seals import sealed_inputs, with_seals
from tfx_pipeline.kubeflow.step.shared_claim import MOUNT_VARIABLE, SharedClaim
from tfx_pipeline.kubeflow.step.stage import Failure, Member, Stage
from tfx_pipeline.kubeflow.step.tensorboard_viewer import write_viewer
from tfx_pipeline.kubeflow.step.tfx_executor import run_executor, uses_beam
from tfx_pipeline.process import signals
from tfx_pipeline.process.errors import UserError, causes, one_line, readable
from tfx_pipeline.process.redaction import redact
from tfx_pipeline.record import checkpoints
from tfx_pipeline.record.seal import whole
from tfx_pipeline.steps.table import step_of_executor

COMMAND: Final = ("python3", "-m", "tfx_pipeline.kubeflow.entrypoint", "--kfp_compat", "kfp.dsl.executor_main")
"""The container's command. The last two words do nothing here: the Kubeflow SDK's ``local`` module runs a container in
a subprocess only where it finds them in the command."""


NO_CLAIM: Final = SharedClaim("")


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the arguments that TFX's compiler writes; returns them and the rest, which are options for Beam."""
    parser = argparse.ArgumentParser(prog=__spec__.name, description=__doc__, allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--executor_class_path", help="import path of the executor class")
    what.add_argument("--members", type=json.loads, help="the components of a stage, each with its executor class")
    parser.add_argument("--json_serialized_invocation_args", required=True, type=json.loads, help="an ExecutorInput")
    parser.add_argument(
        "--json_serialized_inputs_spec_args", default="{}", type=json.loads, help="a ComponentInputsSpec"
    )
    parser.add_argument("--kfp_compat", help="not used")
    return parser.parse_known_args(argv)


def run(
    executor_class_path: str,
    executor_input: Message,
    inputs_spec: Message,
    beam_args: list[str],
    claim: SharedClaim = NO_CLAIM,
) -> None:
    """Runs a component and writes its output file.

    Raises:
        Exception: Whatever the component raises; no output file is left then.
    """
    output_file = Path(executor_input["outputs"]["outputFile"])
    output_file.unlink(missing_ok=True)
    prepared = prepare(executor_input, inputs_spec)
    make_directories(prepared)
    prepared = import_modules_from_checkout(prepared)
    output = _execute(executor_class_path, prepared, inputs_spec, beam_args, claim)
    output = with_seals(output, prepared, step_of_executor(executor_class_path))
    finished = finish(output, executor_input)
    write_properties(finished, prepared)
    write_viewer(executor_input)
    write_message(output_file, finished)


def _execute(
    executor_class_path: str, prepared: Message, inputs_spec: Message, beam_args: list[str], claim: SharedClaim
) -> Message:
    step = step_of(executor_class_path)

    def execute(message: Message) -> Message:
        return run_executor(executor_class_path, message, inputs_spec, beam_args)

    with whole(sealed_inputs(prepared)):
        if step is not None:
            return run_step(step, prepared)
        on_claim = claim.is_given and uses_beam(executor_class_path)
        return claim.run(prepared, execute) if on_claim else execute(prepared)


def main(argv: Sequence[str]) -> int:
    """Runs a step, or the members of a stage, under supervision; returns the exit code."""
    args, beam_args = parse(argv)
    code = _supervised(args, beam_args)
    if code == 0 and not Path(args.json_serialized_invocation_args["outputs"]["outputFile"]).is_file():
        _say("error: the step's process ended before the step did")
        return 1
    return code


def _supervised(args: argparse.Namespace, beam_args: list[str]) -> int:
    if supervisor.WAITS in os.environ:
        # Without a volume of its own, a trainer goes on at least where its process was lost and its pod was not.
        os.environ.setdefault(checkpoints.CHECKPOINTS_VARIABLE, str(Path(tempfile.gettempdir(), "checkpoints")))
    claim = SharedClaim(os.environ.get(MOUNT_VARIABLE, ""))
    try:
        return _supervised_on(claim, args, beam_args)
    finally:
        claim.remove()


def _supervised_on(claim: SharedClaim, args: argparse.Namespace, beam_args: list[str]) -> int:
    executor_input = args.json_serialized_invocation_args
    run_on_claim = functools.partial(run, claim=claim)
    if args.members is None:
        path, inputs_spec = args.executor_class_path, args.json_serialized_inputs_spec_args
        component = functools.partial(run_on_claim, path, executor_input, inputs_spec, beam_args)
        return supervisor.supervise(
            lambda: _ended(lambda: [attempt(path.rpartition(".")[2], component)]),
            lambda: _clean(claim, lambda: remove_outputs(executor_input)),
        )
    stage = Stage([Member(**member) for member in args.members], executor_input, run_on_claim)
    stage.forget()
    return supervisor.supervise(
        lambda: _ended(lambda: stage.attempt(attempt)), lambda: _clean(claim, stage.clean), stage.running
    )


def _clean(claim: SharedClaim, clean: Callable[[], None]) -> None:
    """Removes what an attempt left, here and on the claim, where nobody owns a folder while the step waits."""
    claim.remove()
    clean()


def attempt(name: str, component: Callable[[], None]) -> Failure | None:
    """Runs a component once, and returns what was wrong; what only its code explains is shown with its traceback."""
    try:
        with signals.exit_refused(name):
            component()
    except Exception as error:  # noqa: BLE001 - a step may raise anything
        # A verdict or a user's mistake is one line, which thirty others of code would hide on Kubeflow's page.
        if step_log.shows_all() or not any(isinstance(cause, UserError) for cause in causes(error)):
            _say(readable(traceback.format_exc()).rstrip("\n"))
        return Failure(one_line(error), supervisor.may_pass(error))
    return None


def _ended(work: Callable[[], Sequence[Failure | None]]) -> int:
    """Works, and says in one line what failed; returns the exit code: 0, 1 or ``supervisor.PASSING``."""
    step_log.start()
    known = [failure for failure in work() if failure]
    if not known:
        return 0
    _say(f"error: {'; '.join(failure.line for failure in known)}")
    return supervisor.PASSING if all(failure.may_pass for failure in known) else 1


def _say(text: str) -> None:
    print(redact(text), file=sys.stderr, flush=True)  # noqa: T201 - the container's log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
