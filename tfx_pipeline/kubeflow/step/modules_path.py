"""Makes ``modules`` the package of a checkout instead of the one in the image."""

import os
import sys
from pathlib import Path
from typing import Final

from tfx_pipeline.steps.git.checkout import PACKAGE

PROJECT: Final = Path(__file__).parents[3]


def import_modules_from(directory: Path) -> None:
    """Puts a checkout before everything else that Python imports from, in this process and in those it starts.

    Args:
        directory: It holds ``modules`` and nothing else, so nothing but that is imported from it.

    Raises:
        RuntimeError: ``modules`` was imported already: part of the code would be the image's.
        FileNotFoundError: There is no ``modules`` in it.
    """
    if PACKAGE in sys.modules:
        raise RuntimeError(f"{PACKAGE} was imported before the checkout was in place")
    if not (directory / PACKAGE / "__init__.py").is_file():
        raise FileNotFoundError(f"{directory}: no {PACKAGE}/__init__.py in the checkout")
    sys.path.insert(0, str(directory))
    paths = [str(directory), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(PROJECT)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    # A process that is started with `python -m` would look into the working directory first: that of the image.
    os.environ["PYTHONSAFEPATH"] = "1"
