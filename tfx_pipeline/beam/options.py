"""The options for Apache Beam: the pipeline's own and the user's, which are checked before anything runs."""

import contextlib
import difflib
import io
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineRunner, create_runner

from tfx_pipeline.beam.flink import flink_options, require_cluster
from tfx_pipeline.config.beam import BeamConfig
from tfx_pipeline.config.section import nearest
from tfx_pipeline.process.errors import UserError, flat
from tfx_pipeline.process.host_paths import expanded, require_visible

EMBEDDED_BEAM: Final = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
"""Beam's direct runner inside the process. By its name `DirectRunner`, Beam 2.77 downloads a binary and runs that."""

NO_PACKAGE: Final = "--sdk_container_image=this-process"
"""Names no image that is ever looked for. Where none is named, nor a setup file or a package, TFX packs its own sources
for remote workers, for 2 s in each step that uses Beam; the embedded runner has no such workers."""

_PORTABLE: Final = ("portable", "flink", "spark", "kafkastreams")
_PATIENCE_SECONDS: Final = 5
_OF_OTHER_PLACES: Final = ("environment_config", "job_server_java_launcher")
"""Options that name a program of the workers' machine, or of the container."""
_OTHER: Final = "give another runner, or none: Beam runs inside the process then"


def beam_options(given: Sequence[str], beam: BeamConfig = BeamConfig()) -> list[str]:  # noqa: B008 - frozen
    """Completes options for Apache Beam.

    Args:
        given: Options of the user, which win over the pipeline's own; another runner is one of them.
        beam: Where Beam runs, where no runner is given.

    Returns:
        Every option. Where no runner is given, Beam runs inside the process, or on the cluster of ``beam``.

    Raises:
        UserError: Beam does not know an option or a runner, does not take its value, or it contradicts ``beam``.
    """
    given = [_with_home(word) for word in given]
    values = _parse(given)
    cluster = flink_options(beam)
    _check_agreement(cluster, given)
    _check_runner(given, values)
    known = PipelineOptions([]).get_all_options()
    for name in values.keys() - known.keys():
        # Another runner's server may know more options than Beam does here.
        likely = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if likely or not (cluster or "runner" in values):
            advice = f"did you mean --{likely[0]}?" if likely else "leave it out"
            raise UserError(f"--beam-args --{name}: Apache Beam has no such option, {advice}")
    return [*(cluster or EMBEDDED_BEAM), *([] if values.get("runner") else [NO_PACKAGE]), *given]


def _check_agreement(cluster: Sequence[str], given: Sequence[str]) -> None:
    """Refuses an option that --flink gives already."""
    flags = {"--runner": "--beam-runner", "--parallelism": "beam.parallelism", "--job_endpoint": "beam.job_server"}
    names = {word.partition("=")[0] for word in cluster}
    for word in given:
        name = word.partition("=")[0]
        if name in names:
            advice = flags.get(name, "beam.worker_pool")
            raise UserError(f"--beam-args {word}: --beam-runner flink says it already; leave it out, or set {advice}")


def _parse(given: Sequence[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            options: dict[str, Any] = PipelineOptions(list(given)).get_all_options(
                drop_default=True, retain_unknown_options=True
            )
    except SystemExit as error:  # argparse prints its usage and leaves
        reason = said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise UserError(
            f"--beam-args {' '.join(given)}: {reason or 'asks for help'}; expected options that Apache Beam takes"
        ) from error
    return options


def _with_home(word: str) -> str:
    """Replaces ``~`` at the beginning of a value, which no shell sees in a quoted option."""
    name, equals, value = word.partition("=")
    return f"{name}={expanded(value)}" if equals and name.startswith("--") else expanded(word)


def _check_runner(given: Sequence[str], values: Mapping[str, Any]) -> None:
    named = [word for word in given if word.partition("=")[0] == "--runner"]
    if len(named) > 1:
        raise UserError(f"--beam-args {' '.join(given)}: names {len(named)} runners, expected one")
    name = values.get("runner")
    if name is None:
        return
    try:
        known = isinstance(create_runner(name), PipelineRunner)
    except ImportError as error:
        raise UserError(f"--beam-args --runner={name}: is not installed here: {flat(error)}; {_OTHER}") from error
    except Exception:  # noqa: BLE001 - whatever a name stands for
        known = False
    if not known:
        advice = nearest(name, StandardOptions.KNOWN_RUNNER_NAMES)
        raise UserError(f"--beam-args --runner={name}: Apache Beam has no such runner{advice}")


def _check_paths(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and path.startswith("/") and name not in _OF_OTHER_PLACES:
                require_visible(path, f"--beam-args --{name}")


def require_runner(given: Sequence[str]) -> list[str]:
    """Refuses a runner that cannot work from here, before it is asked to: some wait for ever, or say so in pages.

    Args:
        given: What ``beam_options`` takes, or gives.

    Returns:
        The options, with those that follow from a Flink cluster.

    Raises:
        UserError: Nobody serves the job endpoint, what the runner needs is not there, or a path is the container's own.
    """
    values = _parse([_with_home(word) for word in given])
    _check_paths(values)
    name, endpoint = str(values.get("runner", "")), values.get("job_endpoint")
    kind = name.rpartition(".")[2].lower().removesuffix("runner")
    if rest := values.get("flink_rest_address"):
        follow = require_cluster(rest, values["environment_config"], values.get("parallelism") or 0)
        _require_job_server(str(endpoint), "beam.job_server=")
        return [*given, *follow]
    if endpoint and endpoint != "embed" and kind in _PORTABLE:
        _require_job_server(endpoint)
    elif kind == "portable" and not endpoint:
        raise UserError(f"--beam-args --runner={name}: needs the address of a job server; add --job_endpoint=HOST:PORT")
    elif kind in _PORTABLE and not endpoint and not values.get("flink_submit_uber_jar"):
        _require_java(name, str(values.get("job_server_java_launcher", "java")))
    elif kind == "dataflow":
        _require_google_cloud(name, values)
    return list(given)


def workers_of(given: Sequence[str]) -> Literal["own", "remote", "dataflow"]:
    """Whose processes run the code of a step: its own, those of a cluster, or Dataflow's, which mount nothing.

    Args:
        given: What ``beam_options`` takes, or gives.
    """
    values = _parse(given)
    kind = str(values.get("runner", "")).rpartition(".")[2].lower().removesuffix("runner")
    if kind == "dataflow":
        return "dataflow"
    masters = {values.get(name) for name in ("flink_master", "spark_master_url")} - {None, "[local]", "[auto]"}
    elsewhere = kind == "portable" or bool(masters or values.get("job_endpoint"))
    loopback = str(values.get("environment_type", "")).upper() == "LOOPBACK"
    return "remote" if kind in _PORTABLE and elsewhere and not loopback else "own"


def _require_job_server(endpoint: str, given: str = "--beam-args --job_endpoint=") -> None:
    import grpc  # noqa: PLC0415 - for those alone who have a server

    channel = grpc.insecure_channel(endpoint)
    try:
        grpc.channel_ready_future(channel).result(timeout=_PATIENCE_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise UserError(
            f"{given}{endpoint}: no job server of Apache Beam answers there; start it, or correct "
            "the address, HOST:PORT"
        ) from error
    finally:
        channel.close()


def _require_java(name: str, launcher: str) -> None:
    if shutil.which(launcher) is None:
        raise UserError(
            f"--beam-args --runner={name}: would start a job server with {launcher}, which is not here; start one "
            "elsewhere and give --runner=PortableRunner --job_endpoint=HOST:PORT"
        )


def _require_google_cloud(name: str, values: Mapping[str, Any]) -> None:
    missing = [f"--{option}" for option in ("project", "region", "temp_location") if not values.get(option)]
    if missing:
        raise UserError(f"--beam-args --runner={name}: expected {', '.join(missing)} as well")
    import google.auth  # noqa: PLC0415 - for those alone who use it

    try:
        google.auth.default()
    except google.auth.exceptions.GoogleAuthError as error:
        raise UserError(f"--beam-args --runner={name}: {flat(error)}") from error
