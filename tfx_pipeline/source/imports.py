"""Makes ``modules`` the package of a checkout instead of the one in the image."""

import os
import sys
from pathlib import Path

from tfx_pipeline.source.checkout import PACKAGE


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
    path = str(directory)
    sys.path.insert(0, path)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))
