"""Writes the pipeline as a package for Kubeflow Pipelines: ``python kubeflow_runner.py --help``."""

import sys
from pathlib import Path

from tfx_pipeline.errors import UserError
from tfx_pipeline.settings import ArgumentParser, add_flags, load

SECTIONS = ("data", "data_gate", "training", "evaluation", "kubeflow")


def main() -> int:
    """Parses the flags, writes the package and returns the exit code."""
    parser = ArgumentParser(prog="kubeflow_runner.py", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("--output", metavar="FILE.yaml", default="fashion_mnist_pipeline.yaml", help="the package")
    add_flags(parser, SECTIONS)
    try:
        flags = vars(parser.parse_args())
        config, output = load(flags), Path(flags["output"])
        from tfx_pipeline.kubeflow.compile import write_package  # noqa: PLC0415 - TensorFlow takes seconds

        write_package(config, output)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
