"""Writes the pipeline as a package for Kubeflow Pipelines and runs it there: ``python kubeflow_runner.py --help``."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tfx_pipeline.config.flags import ArgumentParser, add_flags, load
from tfx_pipeline.config.sections import Config
from tfx_pipeline.process.errors import RunFailedError, UserError

SECTIONS = ("data", "data_gate", "training", "evaluation", "serving", "kubeflow")


def main() -> int:
    """Parses the flags, writes the package and, where asked for, runs it; returns the exit code."""
    parser = ArgumentParser(prog="kubeflow_runner.py", description=__doc__.partition(":")[0] + ".")
    _add_client_flags(parser)
    add_flags(parser, SECTIONS)
    try:
        _run(vars(parser.parse_args()))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1 if isinstance(error, RunFailedError) else 2
    return 0


def _add_client_flags(parser: argparse.ArgumentParser) -> None:
    output = "fashion_mnist_pipeline.yaml"
    parser.add_argument("--output", metavar="FILE.yaml", default=output, help=f"the package (default: {output})")
    logs = "instead of a package, print the manifest of a Kubeflow TensorBoard for this log directory"
    parser.add_argument("--tensorboard-manifest", metavar="LOGS", default="", help=logs)
    group = parser.add_argument_group("client", "without --upload, --run or --watch, only the package is written")
    add = group.add_argument
    add("--upload", action="store_true", help="upload it as a new version of the pipeline")
    add("--run", action="store_true", help="start a run of it")
    add("--watch", action="store_true", help="start a run and follow it to its end; exit with its outcome")
    add("--param", metavar="NAME=VALUE", action="append", default=[], help="run parameter; can be repeated")
    add("--experiment", metavar="NAME", default="Default", help="experiment of the run (default: Default)")
    host = "address of Kubeflow Pipelines; else KF_PIPELINES_ENDPOINT, the pod's own cluster or the kubeconfig"
    add("--host", metavar="URL", default="", help=host)
    add("--namespace", metavar="NAME", default="", help="your profile, where Kubeflow has several users")
    add("--token", metavar="TOKEN", default="", help="bearer token; else KFP_TOKEN, or a pod's own")
    add("--ca-cert", metavar="FILE", default="", help="certificate of the authority behind the server's certificate")


def _run(flags: dict[str, Any]) -> None:
    config, output = load(flags), Path(flags["output"])
    if flags["tensorboard_manifest"]:
        _print_tensorboard_manifest(flags["tensorboard_manifest"], flags["namespace"], config)
        return
    from tfx_pipeline.kubeflow.package.advice import image_warnings, notes  # noqa: PLC0415
    from tfx_pipeline.kubeflow.package.quiet import write_quietly  # noqa: PLC0415 - --help must not wait for it

    spec = write_quietly(config, output)
    _say(f"wrote {output}")
    if not (flags["upload"] or flags["run"] or flags["watch"]):
        for line in notes(config.kubeflow):
            _say(line)
        _say('upload it on Kubeflow\'s page: Pipelines, "Upload pipeline", "Upload a file"; or run this with --watch')
        return
    for warning in image_warnings(config.kubeflow):
        sys.stderr.write(f"warning: {warning}\n")
    from tfx_pipeline.kubeflow.client.arguments import parse_arguments  # noqa: PLC0415
    from tfx_pipeline.kubeflow.client.server import Connection  # noqa: PLC0415
    from tfx_pipeline.kubeflow.client.submit import Request, submit  # noqa: PLC0415

    request = Request(
        upload=flags["upload"],
        run=flags["run"] or flags["watch"],
        watch=flags["watch"],
        experiment=flags["experiment"],
        service_account=config.kubeflow.service_account,
        arguments=parse_arguments(flags["param"], spec["root"]["inputDefinitions"]["parameters"]),
    )
    token = flags["token"] or os.environ.get("KFP_TOKEN", "")
    submit(output, spec, Connection(flags["host"], flags["namespace"], token, flags["ca_cert"]), request, _say)


def _print_tensorboard_manifest(logs: str, namespace: str, config: Config) -> None:
    from tfx_pipeline.kubeflow.client.tensorboard_manifest import DEFAULT_NAMESPACE, tensorboard_manifest  # noqa: PLC0415

    scheme, _, endpoint = config.kubeflow.minio_endpoint.partition("://")
    namespace = namespace or DEFAULT_NAMESPACE
    _say(tensorboard_manifest(logs, namespace=namespace, endpoint=endpoint, secure=scheme == "https").rstrip())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
