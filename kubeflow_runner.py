"""Writes the pipeline as a package for Kubeflow Pipelines and runs it there: ``python kubeflow_runner.py --help``."""

import argparse
import signal
import sys

from tfx_pipeline.process.errors import RunFailedError, UserError
from tfx_pipeline.process.redaction import redact

SECTIONS = ("kubeflow", "training", "tuning", "data", "data_gate", "evaluation", "beam", "serving")


def main() -> int:
    """Parses the flags, writes the package and, where asked for, runs it; returns the exit code."""
    try:
        from tfx_pipeline.config.flags import ArgumentParser, add_flags  # noqa: PLC0415 - reads modules/

        parser = ArgumentParser(prog="kubeflow_runner.py", description=__doc__.partition(":")[0] + ".")
        _add_client_flags(parser)
        add_flags(parser, SECTIONS)
        flags = vars(parser.parse_args())
        from tfx_pipeline.kubeflow.run import run  # noqa: PLC0415 - --help must not wait for it

        run(flags, [name for name, value in flags.items() if value != parser.get_default(name)])
    except UserError as error:
        sys.stderr.write(f"error: {redact(str(error))}\n")
        return 1 if isinstance(error, RunFailedError) else 2
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _add_client_flags(parser: argparse.ArgumentParser) -> None:
    from modules.dataset import DATASET  # noqa: PLC0415 - a mistake in it is one line by now

    output = f"{DATASET.name.replace('-', '_')}_pipeline.yaml"
    parser.add_argument("--output", metavar="FILE.yaml", default=output, help=f"the package (default: {output})")
    logs = "instead of a package, print the manifest of a TensorBoard for these events, URL or pvc://"
    parser.add_argument("--tensorboard-manifest", metavar="LOGS", help=logs)
    model = "instead of a package, print the manifest of an InferenceService of KServe for the pushed models"
    parser.add_argument("--kserve-manifest", action="store_true", help=model)
    flink = "instead of a package, print the manifest of a Flink session cluster for Beam's steps: operator or plain"
    parser.add_argument("--flink-manifest", metavar="KIND", help=flink)
    group = parser.add_argument_group(
        "client", "without --upload, --run, --watch or --schedule, only the package is written"
    )
    add = group.add_argument
    add("--upload", action="store_true", help="upload it as a new version of the pipeline")
    add("--run", action="store_true", help="start a run of it")
    add("--watch", action="store_true", help="start a run and follow it to its end; exit with its outcome")
    again = "take up a failed run where it failed, instead of starting one; with --watch, follow it"
    add("--retry-run", metavar="RUN_ID", help=again)
    home = "bring report, events and manifest of runs that have ended into output/, instead of a package; or: latest"
    add("--fetch", metavar="RUN_ID", nargs="+", help=home)
    times = "upload it, and start runs of it at the times of a cron expression, in place of an earlier schedule"
    add("--schedule", metavar="CRON", help=times)
    most = "how many runs of the schedule may be under way at once (default: 1, at most 10)"
    add("--max-concurrency", metavar="N", help=most)
    add("--catch-up", action="store_true", help="have the schedule make up for each time that it missed")
    add("--schedules", action="store_true", help="list the schedules, instead of a package")
    add("--unschedule", metavar="NAME", help="end the schedule of this name, instead of a package")
    add("--param", metavar="NAME=VALUE", action="append", default=[], help="run parameter; can be repeated")
    add("--experiment", metavar="NAME", default="Default", help="experiment of the run (default: Default)")
    host = "address of Kubeflow Pipelines; else KF_PIPELINES_ENDPOINT, the pod's own cluster or the kubeconfig"
    add("--host", metavar="URL", default="", help=host)
    add("--namespace", metavar="NAME", default="", help="your profile, where Kubeflow has several users")
    add("--token", metavar="TOKEN", default="", help="bearer token; else KFP_TOKEN, or a pod's own")
    cookies = "file with the cookies of a browser that has logged in, for Dex and other OIDC proxies; else KFP_COOKIES"
    add("--cookies", metavar="FILE", default="", help=cookies)


if __name__ == "__main__":
    sys.exit(main())
