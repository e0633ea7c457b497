"""Takes up a failed run where it failed."""

from collections.abc import Callable

from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.kubeflow.client.watch import DONE, follow_to_the_end, require_ended
from tfx_pipeline.process.errors import UserError


def retry_run(server: Server, run_id: str, say: Callable[[str], None], *, follow: bool) -> None:
    """Has the server take up a failed run: what succeeded is kept, all else runs again.

    Args:
        server: Kubeflow's API server.
        run_id: The run.
        say: Receives a line for each thing done.
        follow: Whether to follow it to its end.

    Raises:
        UserError: The server cannot be reached, knows no such run, or cannot take it up.
        RunFailedError: The run that was followed failed again.
    """
    run = server.run(run_id)
    require_ended(run, f"--retry-run {run_id}")
    if run.state in DONE:
        raise UserError(f"--retry-run {run_id}: the run succeeded; start a new one with --run")
    server.retry(run_id)
    say(f"retried {server.run_url(run_id)}")
    if follow:
        follow_to_the_end(server, run_id, (), say, since=run.finished_at)
