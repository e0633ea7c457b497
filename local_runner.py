"""Runs the pipeline on this machine: ``python local_runner.py --help``."""

import sys

from tfx_pipeline.process import signals
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.redaction import redact

SECTIONS = ("training", "tuning", "data", "data_gate", "evaluation", "run", "beam", "serving")


def main() -> int:
    """Parses the flags, runs the pipeline and returns the exit code: 0 where it ran to its end."""
    with signals.raising():
        try:
            from tfx_pipeline.config.flags import ArgumentParser, add_flags, load  # noqa: PLC0415 - reads modules/

            parser = ArgumentParser(prog="local_runner.py", description=__doc__.partition(":")[0] + ".")
            add_flags(parser, SECTIONS)
            config = load(vars(parser.parse_args()))
            from tfx_pipeline.local.run import run  # noqa: PLC0415 - TensorFlow takes seconds, and --help must not

            return run(config)
        except UserError as error:
            sys.stderr.write(f"error: {redact(str(error))}\n")
            return 2
        except signals.Interrupted as interrupt:
            sys.stderr.write(f"error: {interrupt}\n")
            return interrupt.code


if __name__ == "__main__":
    # Python would free the libraries' objects one by one, which takes a second, and after an interrupt, threads of Beam
    # and TensorFlow may wait for work that never comes.
    signals.leave(main())
