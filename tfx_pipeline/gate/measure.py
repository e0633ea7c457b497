"""Measures what to expect of other data: ``python -m tfx_pipeline.gate.measure --data-dir FOLDER --config FILE``."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx_pipeline.process.errors import UserError


def main() -> int:
    """Measures a data set and prints the settings, or puts them into a TOML file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.gate.measure", description=__doc__)
    parser.add_argument("--data-dir", metavar="FOLDER", help="images, in a form of docs/bring-your-own.md")
    parser.add_argument(
        "--config", metavar="FILE",
        help="TOML file that receives the settings, in the place of older ones; it may name the folder",
    )  # fmt: skip
    arguments = parser.parse_args()
    try:
        settings, text = _measured(arguments.data_dir, arguments.config)
        if arguments.config:
            from tfx_pipeline.process.files import write_atomically  # noqa: PLC0415 - as below

            write_atomically(Path(arguments.config), text)
            _say(f"{arguments.config}: [data_gate] has {len(settings)} measured settings; read them before you commit")
        else:
            sys.stdout.write(text)
    except (UserError, OSError) as error:
        _say(f"error: {error}")
        return 2
    return 0


def _measured(folder: str | None, config: str | None) -> tuple[Mapping[str, list[Any]], str]:
    # The rooms read modules/dataset.py when they are imported, and a mistake in it is a line, too.
    from tfx_pipeline.config.flags import load  # noqa: PLC0415
    from tfx_pipeline.data import sources  # noqa: PLC0415
    from tfx_pipeline.gate import expectations  # noqa: PLC0415

    file = Path(config) if config and Path(config).exists() else None
    folder = folder or (load({"config": str(file)}).data.data_dir if file else None)
    if not folder:
        raise UserError("expected --data-dir FOLDER, or a --config FILE whose [data] names it as data_dir")
    dataset = sources.resolve("idx", folder, sources.default_cache_dir(), _say)
    settings = expectations.measured(lambda: expectations.batches(dataset))
    for line in expectations.unsure(dataset):
        _say(line)
    old = file.read_text(encoding="utf-8") if file else ""
    return settings, expectations.in_toml(old, settings)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
